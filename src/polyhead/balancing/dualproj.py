"""The mean gradient, made to conflict with none."""

from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class DualProjection(GradientBalancing):
    """Average the gradients and project the mean onto the cone of steps along which no loss rises.

    Reference:
        Lopez-Paz & Ranzato 2017, equation 11, https://arxiv.org/abs/1706.08840
    """

    kind: ClassVar[str] = "dualproj"
    method: ClassVar[str] = "DualProj"
    of_parted: ClassVar[str | None] = "mean"
