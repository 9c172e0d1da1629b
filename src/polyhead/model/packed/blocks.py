"""What the layers of all families share."""

from typing import Protocol

from torch import Tensor, nn

from polyhead.model.dropout import drop


class ResidualPart(Protocol):
    """The end of half a layer, as transformers names its parts."""

    @property
    def dense(self) -> nn.Module: ...

    @property
    def dropout(self) -> nn.Dropout: ...

    @property
    def LayerNorm(self) -> nn.Module: ...  # noqa: N802  the name is transformers'


def residual(part: ResidualPart, states: Tensor, before: Tensor) -> Tensor:
    """Project, drop, add what was there before, and normalise; all of shape `(tokens, width)`."""
    return part.LayerNorm(drop(part.dense(states), part.dropout) + before)
