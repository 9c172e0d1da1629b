"""Scores from counts, shared by every kind of task."""

from collections.abc import Mapping
from dataclasses import dataclass


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


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
