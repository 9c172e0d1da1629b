"""The smooth maximum of the losses: what is worst counts most."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt

from polyhead.balancing._adam import softmax
from polyhead.balancing.base import Balancing, LossBalancer


@dataclass(frozen=True, kw_only=True)
class SmoothTchebycheff(Balancing):
    """Join the losses to mu * log(sum over tasks of exp(preference * loss / mu)).

    The preferences are the tasks' weights, scaled to sum to 1; the ideal loss of every task is 0.

    Args:
        mu: the smaller, the closer to the maximum alone.

    Reference:
        Lin et al. 2024, https://arxiv.org/abs/2402.19078
    """

    kind: ClassVar[str] = "stch"
    mu: Annotated[float, Gt(0)] = 0.1

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:  # noqa: ARG002  nothing is drawn
        return _SmoothTchebycheffBalancer(weights, self.mu)


class _SmoothTchebycheffBalancer(LossBalancer):
    sees_losses: ClassVar[bool] = True

    def __init__(self, weights: Mapping[str, float], mu: float) -> None:
        super().__init__(weights)
        self._mu = mu

    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:  # noqa: ARG002
        total = sum(self.weights[task] for task in losses)
        preferences = {task: self.weights[task] / total for task in losses}
        shares = softmax({task: preferences[task] * loss / self._mu for task, loss in losses.items()})
        return {task: preferences[task] * share for task, share in shares.items()}
