"""Gradients are turned until their cosines are those usual so far."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class GradientVaccine(GradientBalancing):
    """Turn a gradient towards each other one whenever their cosine is below its running mean.

    Args:
        beta: how fast the running mean follows.

    Reference:
        Wang et al. 2021, https://arxiv.org/abs/2010.05874
    """

    kind: ClassVar[str] = "gradvac"
    method: ClassVar[str] = "GradVac"
    of_parted: ClassVar[str | None] = "sum"
    beta: Annotated[float, Ge(0), Le(1)] = 0.5
