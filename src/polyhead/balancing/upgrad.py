"""Every gradient is made to conflict with none before they are averaged."""

from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class UPGrad(GradientBalancing):
    """Project each gradient onto the cone of steps along which no loss rises, and average the projections.

    Reference:
        Quinton & Rey 2024, https://arxiv.org/abs/2406.16232
    """

    kind: ClassVar[str] = "upgrad"
    method: ClassVar[str] = "UPGrad"
    of_parted: ClassVar[str | None] = "mean"
