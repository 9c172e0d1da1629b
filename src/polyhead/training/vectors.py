"""Gradients of single tasks as vectors, at the token states or at the weights that all tasks go through."""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from polyhead.model.multitask import MultiTaskModel

Losses = Mapping[str, Tensor]


def flat_gradient(loss: Tensor, at: Sequence[Tensor]) -> Tensor:
    """Take the gradient of a loss as one vector; zero where the loss does not depend on a tensor."""
    found = torch.autograd.grad(loss, list(at), retain_graph=True, allow_unused=True)
    pairs = zip(at, cast("Sequence[Tensor | None]", found), strict=True)
    parts = [torch.zeros_like(tensor) if gradient is None else gradient for tensor, gradient in pairs]
    return torch.cat([part.reshape(-1).float() for part in parts])


def gradient_rows(losses: Losses, names: Sequence[str], *, at: Sequence[Tensor], sums: Tensor | None = None) -> Tensor:
    """Take the gradient of each task's loss, shape `(tasks, numbers)`; zero without a loss.

    Args:
        losses: by task.
        names: a row each.
        at: the states or weights whose gradients are meant.
        sums: what they are added to, in place; new zeros when absent.
    """
    if sums is None:
        numbers = sum(tensor.numel() for tensor in at)
        sums = torch.zeros((len(names), numbers), device=at[0].device if at else None)
    for row, name in enumerate(names):
        if name in losses and at and at[0].requires_grad:
            sums[row] += flat_gradient(losses[name], at)
    return sums


def parted_weights(model: MultiTaskModel) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Part the weights that learn into those that all tasks go through and the rest."""
    own = {id(weight) for weight in model.branches.private_parameters(model.encoder)}
    own |= {id(weight) for weight in model.heads.parameters()}
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    return [w for w in learning if id(w) not in own], [w for w in learning if id(w) in own]
