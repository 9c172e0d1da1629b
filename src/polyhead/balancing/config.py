"""A direction with an equal, positive part of every gradient."""

from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class ConflictFree(GradientBalancing):
    """Find the direction that has the same cosine with every gradient, as long as their parts along it together.

    Reference:
        Liu et al. 2024, equation 2, https://arxiv.org/abs/2408.11104
    """

    kind: ClassVar[str] = "config"
    method: ClassVar[str] = "ConFIG"
