"""How sure the difference between two ways of training is, when both answer the same rows."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import t as student

from polyhead.spans import Booleans, Floats, Integers

CONFIDENCE = 0.95
MOST_GROUPS = 50
"""More would tell the spread over rows but little better, and each costs a scoring of every model."""

Verdict = Literal["helps", "hurts", "no difference shown"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What training together is worth beside training alone.

    Args:
        seeds: the scores alone and together, for each seed.
        interval: where the difference lies with a confidence of 95 %.
    """

    seeds: tuple[tuple[float, float], ...]
    interval: tuple[float, float]

    @property
    def alone(self) -> float:
        """Average the scores alone."""
        return float(np.mean([alone for alone, _ in self.seeds]))

    @property
    def together(self) -> float:
        """Average the scores together."""
        return float(np.mean([together for _, together in self.seeds]))

    @property
    def difference(self) -> float:
        """Return together less alone."""
        return self.together - self.alone

    @property
    def verdict(self) -> Verdict:
        """Say what the interval shows: more or less than zero on both sides, or neither."""
        low, high = self.interval
        return "helps" if low > 0 else "hurts" if high < 0 else "no difference shown"

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain Python values."""
        return {
            "alone": self.alone,
            "together": self.together,
            "difference": self.difference,
            "interval": list(self.interval),
            "verdict": self.verdict,
            "seeds": [{"alone": alone, "together": together} for alone, together in self.seeds],
        }


def compare_scores(scores: Floats, left_out: Floats) -> Difference:
    """Compare the scores of models of two or more seeds, and say how sure the difference is.

    Two things could have come out otherwise: which rows there are to judge by, and what a seed does to training. The
    first is told by a delete-a-group jackknife over the rows (Kott 2001, Journal of Official Statistics 17:4), which
    takes any score whatever it is made of; the second by how the seeds scatter. Their variances add up, and Student's t
    has as many degrees of freedom as both together (Satterthwaite 1946, https://doi.org/10.2307/3002019). A few seeds
    may agree by chance, which would make that many; so the interval is never narrower than what seeds alone tell.

    Args:
        scores: on all rows, shape `(seeds, 2)`: alone, together.
        left_out: on all rows but one group of them, for each group, shape `(groups, seeds, 2)`.
    """
    differences = scores[:, 1] - scores[:, 0]
    groups, seeds = left_out.shape[:2]
    of_rows = (groups - 1) * float((left_out[..., 1] - left_out[..., 0]).mean(axis=1).var())
    of_seeds = float(differences.var(ddof=1)) / seeds
    variance = of_rows + of_seeds
    middle, reach = float(differences.mean()), 0.0
    if variance > 0:
        freedom = variance**2 / (of_rows**2 / (groups - 1) + of_seeds**2 / (seeds - 1))
        reach = max(_reach(variance, freedom), _reach(of_seeds, seeds - 1))
    pairs = tuple((alone, together) for alone, together in scores.tolist())
    # Scores lie between 0 and 1.
    return Difference(pairs, (max(-1.0, middle - reach), min(1.0, middle + reach)))


def _reach(variance: float, freedom: float) -> float:
    return float(student.ppf((1 + CONFIDENCE) / 2, freedom)) * variance**0.5


def grouped(labelled: Booleans, *, seed: int = 0) -> Integers:
    """Deal rows to groups by chance, so that each task's rows are spread over all groups.

    Args:
        labelled: which row is labelled for which task, shape `(rows, tasks)`; each task has two rows or more.
        seed: fixes the chance.

    Returns:
        The group of each row, counted from 0, shape `(rows,)`.
    """
    count = int(min(MOST_GROUPS, labelled.sum(axis=0).min() // 2)) if labelled.size else 0
    dealt = np.random.default_rng(seed).permutation(len(labelled))
    alike = np.lexsort(labelled[dealt].T)
    groups = np.empty(len(labelled), dtype=np.int64)
    groups[dealt[alike]] = np.arange(len(labelled)) % max(2, count)
    return groups
