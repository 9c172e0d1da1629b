"""All losses fall at an equal rate, found from the losses alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt

from polyhead.balancing._adam import Adam, softmax
from polyhead.balancing.base import Balancing, LossBalancer, Step

LEAST = 1e-8
"""Keeps logarithms finite, as in the authors' code."""


@dataclass(frozen=True, kw_only=True)
class FastAdaptive(Balancing):
    """Weigh the logarithms of the losses so that all fall at an equal rate.

    The weights are z = softmax(w); the joined gradient is c * sum of z * gradient / loss, with c = 1 / sum of z / loss.
    After each step the losses of its rows are computed again, one more forward pass, and Adam moves w by how much the
    logarithm of each loss fell.

    Args:
        learning_rate: of w.
        decay: pulls w back to 0.

    Reference:
        Liu et al. 2023, algorithm 1, https://arxiv.org/abs/2306.03792
    """

    kind: ClassVar[str] = "famo"
    learning_rate: Annotated[float, Gt(0)] = 0.025
    decay: Annotated[float, Ge(0)] = 0.001

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:  # noqa: ARG002  nothing is drawn
        return _FastAdaptiveBalancer(weights, self)


class _FastAdaptiveBalancer(LossBalancer):
    sees_losses: ClassVar[bool] = True
    learns_from: ClassVar[frozenset[str]] = frozenset({"later"})

    def __init__(self, weights: Mapping[str, float], settings: FastAdaptive) -> None:
        super().__init__(weights)
        self._logits = Adam(dict.fromkeys(weights, 0.0), rate=settings.learning_rate, decay=settings.decay)

    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:  # noqa: ARG002
        parts = {task: share / (max(losses[task], 0.0) + LEAST) for task, share in self._shares(losses).items()}
        total = sum(parts.values())
        return {task: self.weights[task] * part / total for task, part in parts.items()}

    def learn(self, step: Step) -> None:
        fell = {task: _logarithm(loss) - _logarithm(step.later[task]) for task, loss in step.losses.items()}
        shares = self._shares(step.losses)
        mean = sum(shares[task] * fell[task] for task in fell)
        self._logits.step({task: shares[task] * (fell[task] - mean) for task in fell})

    def state(self) -> dict[str, Any]:
        return self._logits.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._logits.restore(state)

    def _shares(self, losses: Mapping[str, float]) -> dict[str, float]:
        return softmax({task: self._logits.values[task] for task in losses})


def _logarithm(loss: float) -> float:
    return math.log(max(loss, 0.0) + LEAST)
