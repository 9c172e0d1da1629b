"""The plain weighted sum, which is hard to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing.base import Balancing, LossBalancer


@dataclass(frozen=True, kw_only=True)
class Fixed(Balancing):
    """Add up the losses, each times its task's weight.

    Reference:
        Kurin et al. 2022, https://arxiv.org/abs/2201.04122
    """

    kind: ClassVar[str] = "fixed"

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:  # noqa: ARG002  nothing is drawn
        return _FixedBalancer(weights)


class _FixedBalancer(LossBalancer):
    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:  # noqa: ARG002
        return {task: self.weights[task] for task in losses}
