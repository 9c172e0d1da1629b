"""From the states of tokens to one state of the text; padding never takes part."""

import torch
from torch import Tensor, nn


class Pooling(nn.Module):
    """Pool without weights of its own.

    Args:
        kind: `mean`, `max`, `cls` (the first token) or `last` (the last token, for causal encoders).
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool states of shape `(batch, tokens, width)` to `(batch, width)`.

        Args:
            states: states of the tokens.
            mask: true at tokens, false at padding after them, shape `(batch, tokens)`.
        """
        return POOLINGS[self.kind](states, mask)


class AttentionPooling(nn.Module):
    """Pool by attention of one learned query over the tokens; before training it is the mean.

    Args:
        width: width of the states.

    Reference:
        Yang et al. 2016, equations 5-7 without the hidden layer, https://doi.org/10.18653/v1/N16-1174
    """

    kind = "attention"

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool states of shape `(batch, tokens, width)` to `(batch, width)`; see `Pooling.forward`."""
        scores = (states @ self.query.to(states.dtype)).float().masked_fill(~mask, -torch.inf)
        weights = scores.softmax(dim=1).to(states.dtype)
        return (weights.unsqueeze(1) @ states.masked_fill(~mask.unsqueeze(-1), 0.0)).squeeze(1)


def build_pooling(kind: str, width: int) -> Pooling | AttentionPooling:
    """Make the pooling that the recipe names."""
    return AttentionPooling(width) if kind == "attention" else Pooling(kind)


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    # Long texts lose digits when half precision adds them up.
    total = states.float().masked_fill(~mask.unsqueeze(-1), 0.0).sum(dim=1)
    return (total / mask.sum(dim=1, keepdim=True)).to(states.dtype)


def _first(states: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG001  all poolings are called alike
    return states[:, 0]


def _last(states: Tensor, mask: Tensor) -> Tensor:
    last = mask.sum(dim=1) - 1
    return states[torch.arange(len(states), device=states.device), last]


def _max(states: Tensor, mask: Tensor) -> Tensor:
    return states.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)


POOLINGS = {"mean": _mean, "cls": _first, "last": _last, "max": _max}
