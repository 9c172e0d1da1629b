"""Scores from counts, shared by every kind of task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class Counts:
    """How often a label was right, given in vain, or missed."""

    right: int = 0
    in_vain: int = 0
    missed: int = 0

    @property
    def support(self) -> int:
        """Count the gold occurrences."""
        return self.right + self.missed

    @property
    def precision(self) -> float:
        """Share of the given that is right; 0 when nothing was given."""
        return _share(self.right, self.right + self.in_vain)

    @property
    def recall(self) -> float:
        """Share of the gold that was found; 0 when there is no gold."""
        return _share(self.right, self.support)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 when both are."""
        return _share(2 * self.right, 2 * self.right + self.in_vain + self.missed)

    def to_json(self) -> dict[str, float]:
        """Return precision, recall, F1 and support as plain Python values."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1, "support": self.support}


def total(counts: Mapping[str, Counts]) -> Counts:
    """Add up the counts of all labels, for micro averages."""
    every = counts.values()
    return Counts(sum(c.right for c in every), sum(c.in_vain for c in every), sum(c.missed for c in every))


def macro_f1(counts: Mapping[str, Counts]) -> float:
    """Average F1 over the labels that occur in the gold or were given."""
    seen = [count.f1 for count in counts.values() if count.support + count.in_vain]
    return sum(seen) / len(seen) if seen else 0.0


def label_scores(gold: Sequence[str], given: Sequence[str], *, labels: Sequence[str]) -> dict[str, Any]:
    """Score answers of one label each.

    Args:
        gold: the gold labels; one that is not known counts as missed.
        given: the answers, in the same order.
        labels: the labels that the model knows.

    Returns:
        `accuracy`, `macro_f1` over the labels that occur, `micro_f1`, `labels` with the scores of each, and the
        `confusion` matrix with gold labels as rows.
    """
    names = (*labels, *sorted(set(gold) - set(labels)))
    number = {name: index for index, name in enumerate(names)}
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(confusion, ([number[label] for label in gold], [number[label] for label in given]), 1)
    right, answered, wanted = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    counts = {
        name: Counts(int(right[i]), int(answered[i] - right[i]), int(wanted[i] - right[i]))
        for name, i in number.items()
    }
    return {
        "accuracy": float(right.sum() / max(1, len(gold))),
        "macro_f1": macro_f1(counts),
        "micro_f1": total(counts).f1,
        "labels": {name: count.to_json() for name, count in counts.items()},
        "confusion": {"labels": list(names), "matrix": confusion.tolist()},
    }


def pearson(left: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Correlate two series; 0 when one of them never changes."""
    x, y = (np.asarray(of, dtype=np.float64) for of in (left, right))
    if len(x) == 0 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip((x @ y) / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def spearman(left: npt.ArrayLike, right: npt.ArrayLike) -> float:
    """Correlate the ranks of two series; equal values share the mean of their ranks."""
    return pearson(_ranks(left), _ranks(right))


def scatter(gold: npt.ArrayLike, given: npt.ArrayLike, *, points: int = 500) -> dict[str, list[float]]:
    """Return what a picture of answers against gold values needs, of at most `points` rows spread over all."""
    x, y = np.asarray(gold, dtype=np.float64), np.asarray(given, dtype=np.float64)
    picked = np.unique(np.linspace(0, max(0, len(x) - 1), min(points, len(x)), dtype=np.int64))
    return {"gold": x[picked].tolist(), "given": y[picked].tolist()}


def _ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[inverse]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
