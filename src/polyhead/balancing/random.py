"""Random weights: the yardstick that a clever method must beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyhead.balancing._adam import softmax
from polyhead.balancing.base import Balancing, LossBalancer

PURPOSE = 4
"""Keeps these draws apart from those of the order of the rows."""


@dataclass(frozen=True, kw_only=True)
class RandomWeights(Balancing):
    """Weigh the losses by the softmax of standard normal numbers, drawn anew for each step.

    Reference:
        Lin et al. 2022, https://arxiv.org/abs/2111.10603
    """

    kind: ClassVar[str] = "random"

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> LossBalancer:
        return _RandomBalancer(weights, seed)


class _RandomBalancer(LossBalancer):
    def __init__(self, weights: Mapping[str, float], seed: int) -> None:
        super().__init__(weights)
        self._seed = seed

    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:
        # A function of seed and step, so that there is no state to keep.
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, PURPOSE, number, 0])))
        drawn = dict(zip(sorted(self.weights), generator.standard_normal(len(self.weights)).tolist(), strict=True))
        shares = softmax({task: drawn[task] for task in losses})
        return {task: self.weights[task] * share for task, share in shares.items()}
