"""Gradients of equal size, larger for the tasks that learn slowly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Gt

from polyhead.balancing._adam import Adam
from polyhead.balancing.base import Balancing, LossBalancer, Step

LEAST = 1e-3
"""A weight that fell below 0 would turn its task's training around; the paper's own runs keep them above it."""


@dataclass(frozen=True, kw_only=True)
class GradNorm(Balancing):
    """Learn weights that bring the norm of each weighted gradient in the last shared layer to its target.

    The target of a task is the mean norm times r ** alpha; r is the task's loss relative to its first one, over the
    mean of that over all tasks. Adam descends the sum of the distances to the targets, which are taken as constant;
    afterwards the weights are scaled to sum to the number of tasks.

    Args:
        alpha: how strongly slow tasks are pulled along; 0 makes all norms equal.
        learning_rate: of the weights.

    Reference:
        Chen et al. 2018, equations 1 and 2, https://arxiv.org/abs/1711.02257
    """

    kind: ClassVar[str] = "gradnorm"
    measures_shared: ClassVar[bool] = True
    alpha: float = 1.5
    learning_rate: Annotated[float, Gt(0)] = 0.025

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:  # noqa: ARG002  nothing is drawn
        return _GradNormBalancer(weights, self)


class _GradNormBalancer(LossBalancer):
    learns_from: ClassVar[frozenset[str]] = frozenset({"norms"})

    def __init__(self, weights: Mapping[str, float], settings: GradNorm) -> None:
        super().__init__(weights)
        self._alpha = settings.alpha
        self._learned = Adam(dict.fromkeys(weights, 1.0), rate=settings.learning_rate)
        self._first: dict[str, float] = {}

    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:  # noqa: ARG002
        return {task: self.weights[task] * self._learned.values[task] for task in losses}

    def learn(self, step: Step) -> None:
        for task, loss in step.losses.items():
            self._first.setdefault(task, loss)
        ratios = {task: loss / self._first[task] if self._first[task] else 1.0 for task, loss in step.losses.items()}
        mean_ratio = sum(ratios.values()) / len(ratios)
        norms = {task: step.norms[task] * self._learned.values[task] for task in ratios}
        mean_norm = sum(norms.values()) / len(norms)
        slopes: dict[str, float] = {}
        for task, ratio in ratios.items():
            target = mean_norm * (ratio / mean_ratio if mean_ratio else 1.0) ** self._alpha
            sign = (norms[task] > target) - (norms[task] < target)
            slopes[task] = sign * step.norms[task]
        self._learned.step(slopes)
        kept = {task: max(value, LEAST) for task, value in self._learned.values.items()}
        scale = len(kept) / sum(kept.values())
        self._learned.values = {task: value * scale for task, value in kept.items()}

    def state(self) -> dict[str, Any]:
        return {"learned": self._learned.state(), "first": dict(self._first)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._learned.restore(state["learned"])
        self._first = dict(state["first"])
