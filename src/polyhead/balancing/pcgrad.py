"""Gradients that conflict are projected off each other."""

from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class PCGrad(GradientBalancing):
    """Project each task's gradient off each gradient that it conflicts with, in random order; add up what remains.

    Reference:
        Yu et al. 2020, https://arxiv.org/abs/2001.06782
    """

    kind: ClassVar[str] = "pcgrad"
    method: ClassVar[str] = "PCGrad"
    of_parted: ClassVar[str | None] = "sum"
