"""Spans of characters, the BIO tags that stand for them, and the best legal tag sequence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

OUTSIDE = 0
"""The tag `O`. Label number i owns tag 1 + 2i (`B-`) and tag 2 + 2i (`I-`)."""

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A labelled stretch of text: code points `[start, end)`, so that `text[start:end]` is what it covers."""

    start: int
    end: int
    label: str
    text: str = ""
    confidence: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Return the span as plain Python values."""
        return {
            "start": self.start,
            "end": self.end,
            "label": self.label,
            "text": self.text,
            "confidence": self.confidence,
        }


def bio_tags(labels: Sequence[str]) -> tuple[str, ...]:
    """Name the tags of a label list: `O, B-first, I-first, B-second, …`."""
    return ("O", *(f"{border}-{label}" for label in labels for border in "BI"))


def legal_transitions(labels: int) -> Booleans:
    """Tell which tag may follow which: an `I-` tag only follows the `B-` or `I-` tag of its own label.

    Returns:
        Shape `(tags, tags)`; true at `[before, after]` where the step is legal.
    """
    tags = np.arange(1 + 2 * labels)
    inside = (tags > OUTSIDE) & (tags % 2 == 0)
    return ~inside[None, :] | (_label_of(tags)[:, None] == _label_of(tags)[None, :])


def best_legal_tags(scores: Floats, mask: Booleans, *, transitions: Floats | None = None) -> Integers:
    """Find the highest scoring legal tag sequence of every row (Viterbi), for the whole batch at once.

    Args:
        scores: log-probabilities or potentials, shape `(batch, words, tags)`.
        mask: true at words, false at padding after them, shape `(batch, words)`.
        transitions: learned scores added at each step, shape `(tags, tags)`; zero when absent.

    Returns:
        Tags, shape `(batch, words)`; `O` at padding.

    Reference:
        Viterbi 1967, https://doi.org/10.1109/TIT.1967.1054010
    """
    batch, words, tags = scores.shape
    legal = legal_transitions((tags - 1) // 2)
    step = np.where(legal, 0.0 if transitions is None else transitions, -np.inf)
    total = np.where(legal[OUTSIDE], scores[:, 0], -np.inf) if words else np.zeros((batch, tags))
    arrived_from = np.empty((batch, words, tags), dtype=np.int64)
    for word in range(1, words):
        reach = total[:, :, None] + step
        best = reach.argmax(axis=1)
        moved = np.take_along_axis(reach, best[:, None, :], axis=1)[:, 0] + scores[:, word]
        real = mask[:, word, None]
        arrived_from[:, word] = np.where(real, best, np.arange(tags))
        total = np.where(real, moved, total)
    chosen = np.zeros((batch, words), dtype=np.int64)
    current = total.argmax(axis=1)
    for word in range(words - 1, -1, -1):
        chosen[:, word] = current
        if word:
            current = np.take_along_axis(arrived_from[:, word], current[:, None], axis=1)[:, 0]
    return np.where(mask, chosen, OUTSIDE)


def tag_runs(tags: Integers) -> tuple[Integers, Integers, Integers, Integers]:
    """Cut legal tag sequences into spans of words, for the whole batch at once.

    Args:
        tags: legal BIO tags, shape `(batch, words)`.

    Returns:
        Four arrays, one entry a span, in reading order: row, first word, word after the last, label number.
    """
    rows, first = np.nonzero((tags > OUTSIDE) & (tags % 2 == 1))
    outside = np.zeros((tags.shape[0], 1), dtype=tags.dtype)
    closes = np.concatenate([(tags[:, 1:] % 2 == 1) | (tags[:, 1:] == OUTSIDE), outside == OUTSIDE], axis=1)
    end_rows, last = np.nonzero((tags > OUTSIDE) & closes)
    if len(end_rows) != len(rows):
        message = "`tags` must be legal: every I- tag follows a B- or I- tag of its label."
        raise ValueError(message)
    return rows, first, last + 1, _label_of(tags[rows, first])


def _label_of(tags: Integers) -> Integers:
    return np.where(tags > OUTSIDE, (tags - 1) // 2, -1)
