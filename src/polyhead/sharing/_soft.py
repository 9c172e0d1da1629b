"""Several encoders of one make: tied by their weights, or stitched together layer by layer."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from polyhead.sharing._branches import TURN, Batch, Branches, Encode

if TYPE_CHECKING:
    from polyhead.model.packed.states import TokenStates

BATCHED_DIMENSIONS = 3


class TiedEncoders(Branches):
    """An encoder a task; the first task has the shared one.

    Args:
        encoder: of the first task; the others begin as copies.
        tasks: by their order.
        strength: of the pull between the weights.
    """

    def __init__(self, encoder: nn.Module, tasks: Sequence[str], *, strength: float) -> None:
        super().__init__()
        self._number = {task: number for number, task in enumerate(tasks)}
        self.strength = strength
        self.encoders = nn.ModuleList(deepcopy(encoder) for _ in tasks[1:])

    def states(
        self, encoder: nn.Module, batch: Batch, tasks: Sequence[str], *, encode: Encode
    ) -> "dict[str, TokenStates]":
        every = [encoder, *self.encoders]
        return {task: encode(every[self._number[task]], batch) for task in tasks}

    def penalty(self, encoder: nn.Module) -> Tensor | None:
        if not self.strength or not len(self.encoders):
            return None
        every = [list(part.parameters()) for part in (encoder, *self.encoders)]
        total: Tensor | None = None
        for weights in zip(*every, strict=True):
            if not weights[0].requires_grad:
                continue
            stacked = torch.stack(weights)
            # The squared distances of all pairs are the squared distances to the mean, times the number of encoders.
            spread = len(weights) * (stacked - stacked.mean(dim=0)).square().sum()
            total = spread if total is None else total + spread
        return None if total is None else self.strength * total

    def private_parameters(self, encoder: nn.Module) -> Iterable[nn.Parameter]:
        yield from encoder.parameters()
        yield from self.parameters()

    def encoders_at(self) -> dict[str, Any]:
        return {f"encoders.{number}": encoder for number, encoder in enumerate(self.encoders)}

    def passes(self, tasks: Sequence[str]) -> int:
        return len(tasks)


class StitchedEncoders(Branches):
    """Layers of each task side by side; after every layer their states are mixed.

    The states of all tasks go through the encoder as one batch, those of the first task first.

    Args:
        encoder: its layers are those of the first task; each other task gets copies.
        tasks: by their order.
        own: what a task keeps of its own state at the start.
    """

    def __init__(self, encoder: nn.Module, tasks: Sequence[str], *, own: float) -> None:
        super().__init__()
        self._number = {task: number for number, task in enumerate(tasks)}
        layers = layers_of(encoder)
        self.layers = nn.ModuleList(nn.ModuleList(deepcopy(layer) for layer in layers) for _ in tasks[1:])
        count = len(tasks)
        other = (1 - own) / (count - 1) if count > 1 else 0.0
        start = torch.full((count, count), other).fill_diagonal_(own if count > 1 else 1.0)
        self.units = nn.ParameterList(nn.Parameter(start.clone()) for _ in layers)

    def states(
        self, encoder: nn.Module, batch: Batch, tasks: Sequence[str], *, encode: Encode
    ) -> "dict[str, TokenStates]":
        count = len(self._number)
        repeated = {name: tensor.repeat(count, *[1] * (tensor.dim() - 1)) for name, tensor in batch.items()}
        with TURN, ExitStack() as stack:
            for number, layer in enumerate(layers_of(encoder)):
                others = [part[number] for part in self.layers]  # pyright: ignore[reportIndexIssue]  lists of layers
                stitch = _Stitch(others, self.units[number])
                stack.callback(layer.register_forward_pre_hook(stitch.before, with_kwargs=True).remove)
                stack.callback(layer.register_forward_hook(stitch.after).remove)
            states = encode(encoder, repeated).parted(count)
        return {task: states[self._number[task]] for task in tasks}

    def plain(self, encoder: nn.Module, batch: Batch, *, encode: Encode) -> "TokenStates":
        with TURN:
            return encode(encoder, batch)

    def private_parameters(self, encoder: nn.Module) -> Iterable[nn.Parameter]:  # noqa: ARG002
        # Every loss goes through the layers of every task.
        return ()

    def passes(self, tasks: Sequence[str]) -> int:  # noqa: ARG002  the others are mixed in
        return len(self._number)


class _Stitch:
    """Gives a layer the first task's part of the batch, the other tasks' layers theirs, and mixes what comes out."""

    def __init__(self, others: Sequence[nn.Module], unit: Tensor) -> None:
        self._others, self._unit = others, unit
        self._given: tuple[tuple[Any, ...], dict[str, Any]] = (), {}

    def before(self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:  # noqa: ANN401
        self._given = given, named
        return self._part(0)

    def after(self, _: nn.Module, __: Any, first: Any) -> Any:  # noqa: ANN401  each encoder's layers have their own
        found = [first]
        for number, layer in enumerate(self._others, start=1):
            own, named = self._part(number)
            found.append(layer(*own, **named))
        states = torch.stack([of[0] if isinstance(of, tuple) else of for of in found])
        mixed = torch.einsum("ij,jbtw->ibtw", self._unit.to(states.dtype), states).flatten(0, 1)
        return (mixed, *first[1:]) if isinstance(first, tuple) else mixed

    def _part(self, number: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Cut a task's part out of what has a row for each row of the batch; the rest is the same for all."""
        given, named = self._given
        rows, count = given[0].shape[0], 1 + len(self._others)

        def cut(value: Any) -> Any:  # noqa: ANN401
            # Tables of positions are matrices, and their rows may happen to be as many.
            if isinstance(value, Tensor) and value.dim() >= BATCHED_DIMENSIONS and value.shape[0] == rows:
                return value.unflatten(0, (count, -1))[number]
            return value

        return tuple(map(cut, given)), {name: cut(value) for name, value in named.items()}


def layers_of(encoder: nn.Module) -> nn.ModuleList:
    """Find the layers of an encoder: the list that holds the most weights.

    Raises:
        TypeError: it has no list of layers.
    """
    lists = [part for part in encoder.modules() if isinstance(part, nn.ModuleList)]
    if not lists:
        message = f"{type(encoder).__name__} must have its layers in a list. Found none; use another way of sharing."
        raise TypeError(message)
    return max(lists, key=lambda part: sum(weight.numel() for weight in part.parameters()))
