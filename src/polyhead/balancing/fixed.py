"""The plain weighted sum, which is hard to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, ClassVar

from polyhead.balancing.base import Balancing

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Fixed(Balancing):
    """Add up the losses, each times its task's weight.

    Reference:
        Kurin et al. 2022, https://arxiv.org/abs/2201.04122
    """

    kind: ClassVar[str] = "fixed"

    def weigh(self, losses: Mapping[str, "Tensor"], weights: Mapping[str, float]) -> "Tensor":
        # A task that is only evaluated stays out: zero times an infinite loss would spoil the sum.
        return reduce(add, [weights[task] * loss for task, loss in losses.items() if weights[task]])
