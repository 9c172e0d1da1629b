"""Signs that disagree are dropped at random."""

from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class SignDropout(GradientBalancing):
    """Keep, for each number of the gradients, the tasks of one sign, drawn by how much the signs agree.

    Reference:
        Chen et al. 2020, https://arxiv.org/abs/2010.06808
    """

    kind: ClassVar[str] = "graddrop"
    method: ClassVar[str] = "GradDrop"
    of_parted: ClassVar[str | None] = "sum"
