"""More weight for the losses that fall more slowly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Gt

from polyhead.balancing._adam import softmax
from polyhead.balancing.base import Balancing, LossBalancer


@dataclass(frozen=True, kw_only=True)
class DynamicWeightAverage(Balancing):
    """Weigh each loss by how slowly it fell: K * softmax(r / temperature), r the ratio of the last two epochs' means.

    Without two epochs behind it a task's r is 1, as in the paper.

    Args:
        temperature: the larger, the more even the weights.

    Reference:
        Liu et al. 2019, equation 7, https://arxiv.org/abs/1803.10704
    """

    kind: ClassVar[str] = "dwa"
    temperature: Annotated[float, Gt(0)] = 2.0

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:  # noqa: ARG002  nothing is drawn
        return _DynamicWeightAverageBalancer(weights, self.temperature)


class _DynamicWeightAverageBalancer(LossBalancer):
    def __init__(self, weights: Mapping[str, float], temperature: float) -> None:
        super().__init__(weights)
        self._temperature = temperature
        self._means: dict[str, list[float]] = {task: [] for task in weights}

    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:  # noqa: ARG002
        shares = softmax({task: self._ratio(task) / self._temperature for task in self.weights})
        return {task: self.weights[task] * len(shares) * shares[task] for task in losses}

    def end_epoch(self, losses: Mapping[str, float]) -> None:
        for task, loss in losses.items():
            self._means[task] = [*self._means[task], loss][-2:]

    def state(self) -> dict[str, Any]:
        return {"means": {task: list(of) for task, of in self._means.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._means = {task: list(of) for task, of in state["means"].items()}

    def _ratio(self, task: str) -> float:
        match self._means[task]:
            case [before, last] if before:
                return last / before
            case _:
                return 1.0
