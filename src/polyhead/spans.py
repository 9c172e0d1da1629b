"""Spans of characters, the BIO tags that stand for them, and the best legal tag sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

OUTSIDE = 0
"""The tag `O`. Label number i owns tag 1 + 2i (`B-`) and tag 2 + 2i (`I-`)."""

SEARCHED_AT_ONCE = 2**21
"""Scores that are searched together, padding included; a stretch with more is searched alone."""

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
    if transitions is not None:
        return _searched(scores, mask, transitions)
    best = np.full(mask.shape, OUTSIDE)
    best[mask] = _without_transitions(scores[mask], ~_may_be_inside(scores, mask)[mask])
    return best


def _may_be_inside(scores: Floats, mask: Booleans) -> Booleans:
    """Tell where an `I-` tag could be part of the best legal sequence, shape `(batch, words)`.

    It could only where some stretch that begins there gains, all in all, by being inside an entity; the sums of
    that gain from each word on are differences of one running sum.
    """
    if not mask.shape[1] or scores.shape[2] == 1:
        return np.zeros(mask.shape, dtype=bool)
    outer = np.maximum(scores[..., OUTSIDE], scores[..., 1::2].max(axis=-1))
    gain = np.where(mask, scores[..., 2::2].max(axis=-1) - outer, 0.0)
    running = np.cumsum(gain, axis=1, dtype=np.float64)
    furthest = np.maximum.accumulate(running[:, ::-1], axis=1)[:, ::-1]
    inside = furthest - (running - gain) > 0
    inside[:, 0] = False
    return inside


def _without_transitions(scores: Floats, free: Booleans) -> Integers:
    """Choose tags for the words of all rows laid end to end.

    Args:
        scores: shape `(words, tags)`.
        free: true at words that do not depend on the one before, shape `(words,)`; the first of each row is one.
    """
    inside = np.arange(scores.shape[1]) % 2 == 0
    inside[OUTSIDE] = False
    best = np.where(free[:, None] & inside, -np.inf, scores).argmax(axis=-1)
    before = np.concatenate([[OUTSIDE], best[:-1]])
    illegal = inside[best] & (_label_of(before) != _label_of(best))
    if not illegal.any():
        return best
    # Only the stretches between free words in which the best tags are no legal sequence are searched.
    starts = np.flatnonzero(free)
    lengths = np.diff(starts, append=len(free))
    searched = np.unique((np.cumsum(free) - 1)[illegal])
    for alike in _of_like_length(lengths[searched], tags=scores.shape[1]):
        part = searched[alike]
        steps = np.arange(lengths[part].max())
        real = steps < lengths[part, None]
        places = np.where(real, starts[part, None] + steps, 0)
        found = _searched(scores[places], real, np.zeros((scores.shape[1],) * 2))
        best[places[real]] = found[real]
    return best


def _of_like_length(lengths: Integers, *, tags: int) -> Iterator[Integers]:
    """Group stretches so that the scores of a group fit: those of its words, and those of every pair of tags."""
    order = np.argsort(-lengths, kind="stable")
    begin = 0
    while begin < len(order):
        each = tags * max(tags, int(lengths[order[begin]]))
        end = begin + max(1, SEARCHED_AT_ONCE // each)
        yield order[begin:end]
        begin = end


def _searched(scores: Floats, mask: Booleans, transitions: Floats) -> Integers:
    """Search all sequences at once, word by word; `I-` has two tags that it may follow, the others have all."""
    batch, words, tags = scores.shape
    if not words:
        return np.full((batch, words), OUTSIDE)
    begin, inside = slice(1, None, 2), slice(2, None, 2)
    begins = np.arange(1, tags, 2)
    # Laid out by the tag that follows, so that the best tag before is searched along the last axis.
    step = np.ascontiguousarray(transitions[:, [OUTSIDE, *begins]].T)
    enter, stay = transitions[begins, begins + 1], transitions[begins + 1, begins + 1]
    totals, arrived_from = np.empty((words, batch, tags), dtype=scores.dtype), np.empty((words, batch, tags), dtype=int)
    totals[:] = scores.swapaxes(0, 1)
    totals[0, :, inside] = -np.inf
    # Made once: fresh memory at each word would cost more than the sums in it.
    reach = np.empty((batch, *step.shape), dtype=np.result_type(scores, step))
    best = np.empty((batch, tags), dtype=scores.dtype)
    for word in range(1, words):
        total, came = totals[word - 1], arrived_from[word]
        np.add(total[:, None, :], step, out=reach)
        before, highest = reach.argmax(axis=2), reach.max(axis=2)
        came[:, OUTSIDE], came[:, begin] = before[:, 0], before[:, 1:]
        best[:, OUTSIDE], best[:, begin] = highest[:, 0], highest[:, 1:]
        entering, staying = total[:, begin] + enter, total[:, inside] + stay
        came[:, inside] = np.where(entering >= staying, begins, begins + 1)
        best[:, inside] = np.maximum(entering, staying)
        totals[word] += best
    return _traced_back(totals, arrived_from, mask)


def _traced_back(totals: Floats, arrived_from: Integers, mask: Booleans) -> Integers:
    """Follow the best sequence of each row from its last word to its first, shape `(batch, words)`."""
    batch, words = mask.shape
    chosen, rows, last = np.full((batch, words), OUTSIDE), np.arange(batch), mask.sum(axis=1) - 1
    current = totals[last, rows].argmax(axis=1)
    for word in range(words - 1, -1, -1):
        chosen[:, word] = current
        current = np.where(word <= last, arrived_from[word, rows, current], current) if word else current
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
