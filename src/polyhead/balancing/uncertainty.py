"""Weights that are learned as the noise of each task."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Gt

from polyhead.balancing._adam import Adam
from polyhead.balancing.base import Balancing, LossBalancer, Step


@dataclass(frozen=True, kw_only=True)
class Uncertainty(Balancing):
    """Weigh each loss by a learned noise: the sum over tasks of weight * (exp(-s) * loss + s / 2).

    Each s is the log of a task's variance. It is learned by Adam beside the model and is part of a checkpoint. The
    paper halves the first term of a regression; that is the same as starting its s higher by log 2.

    Args:
        initial_log_variance: where every s starts; 0 starts from the plain sum of losses.
        learning_rate: of the log variances.

    Reference:
        Kendall et al. 2018, equation 10, https://arxiv.org/abs/1705.07115
    """

    kind: ClassVar[str] = "uncertainty"
    initial_log_variance: float = 0.0
    learning_rate: Annotated[float, Gt(0)] = 0.01

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:  # noqa: ARG002  nothing is drawn
        return _UncertaintyBalancer(weights, self)


class _UncertaintyBalancer(LossBalancer):
    def __init__(self, weights: Mapping[str, float], settings: Uncertainty) -> None:
        super().__init__(weights)
        self._log_variances = Adam(dict.fromkeys(weights, settings.initial_log_variance), rate=settings.learning_rate)

    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:  # noqa: ARG002
        return {task: self.weights[task] * math.exp(-self._log_variances.values[task]) for task in losses}

    def learn(self, step: Step) -> None:
        precisions = {task: math.exp(-self._log_variances.values[task]) for task in step.losses}
        slopes = {task: self.weights[task] * (0.5 - precisions[task] * loss) for task, loss in step.losses.items()}
        self._log_variances.step(slopes)

    def state(self) -> dict[str, Any]:
        return self._log_variances.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._log_variances.restore(state)
