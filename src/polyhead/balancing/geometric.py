"""The geometric mean of the losses, which no task's scale can rule."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing.base import Balancing, LossBalancer

LEAST = 1e-8
"""A loss of nothing has no logarithm."""


@dataclass(frozen=True, kw_only=True)
class Geometric(Balancing):
    """Join the losses to their geometric mean, the tasks' weights as exponents.

    Reference:
        Chennupati et al. 2019, equation 2, https://arxiv.org/abs/1904.08492
    """

    kind: ClassVar[str] = "geometric"

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:  # noqa: ARG002  nothing is drawn
        return _GeometricBalancer(weights)


class _GeometricBalancer(LossBalancer):
    sees_losses: ClassVar[bool] = True

    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:  # noqa: ARG002
        total = sum(self.weights[task] for task in losses)
        parts = {task: self.weights[task] / total for task in losses}
        kept = {task: max(loss, LEAST) for task, loss in losses.items()}
        mean = math.exp(sum(parts[task] * math.log(loss) for task, loss in kept.items()))
        return {task: mean * parts[task] / loss for task, loss in kept.items()}
