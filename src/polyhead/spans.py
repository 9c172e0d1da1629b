"""Spans of characters, the BIO tags that stand for them, and the best legal tag sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

OUTSIDE = 0
"""The tag `O`. Label number i owns tag 1 + 2i (`B-`) and tag 2 + 2i (`I-`)."""

SEARCHED_AT_ONCE = 2**21
"""Scores that are searched together, padding included; a stretch with more is searched alone."""

FAR = 1e30
"""Stands in for what is infinite or no number, so that a search among such scores still ends with a legal sequence."""

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
        best, sure = _word_by_word(scores, mask, transitions)
        if not sure.all():
            best[~sure] = _searched(scores[~sure], mask[~sure], transitions)
        return best
    best = np.full(mask.shape, OUTSIDE)
    best[mask] = _without_transitions(scores[mask], ~_may_be_inside(scores, mask)[mask])
    return best


# Scores that are no numbers are sure of nothing.
@np.errstate(invalid="ignore")
def _word_by_word(scores: Floats, mask: Booleans, transitions: Floats) -> tuple[Integers, Booleans]:
    """Take the best tag of each word, and tell in which rows no other sequence can be better, shape `(batch,)`.

    Another tag at a word loses at least the word's margin over its second best tag, and wins at most what the steps
    before and after it lack to the best step there is. Where every margin is greater than that, no search is needed;
    so it is in most texts of a model that has learned.
    """
    if scores.shape[1] == 0 or scores.shape[2] == 1:
        return np.full(mask.shape, OUTSIDE), np.ones(len(mask), dtype=bool)
    best = np.where(mask, scores.argmax(axis=-1), OUTSIDE)
    second, first = np.moveaxis(np.partition(scores, -2, axis=-1)[..., -2:], -1, 0)
    legal = legal_transitions(scores.shape[2] // 2)
    taken = mask[:, 1:]
    lacking = np.where(
        taken, (transitions.max(where=legal, initial=-np.inf) - transitions)[best[:, :-1], best[:, 1:]], 0
    )
    spared = first - second
    spared[:, 1:] -= lacking
    spared[:, :-1] -= lacking
    allowed = np.where(taken, legal[best[:, :-1], best[:, 1:]], True).all(axis=1) & legal[OUTSIDE, best[:, 0]]  # noqa: FBT003
    return best, allowed & np.where(mask, spared > 0, True).all(axis=1)  # noqa: FBT003


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
    """Search all sequences at once: the best totals forwards word by word, and back along the tags that led to them."""
    chosen = np.full(mask.shape, OUTSIDE)
    if not scores.size:
        return chosen
    totals = _best_totals(np.nan_to_num(scores, nan=-FAR, posinf=FAR, neginf=-FAR), transitions)
    rows, last = np.arange(len(mask)), mask.sum(axis=1) - 1
    arriving = np.where(legal_transitions(scores.shape[2] // 2), transitions, -np.inf).T.copy()
    current = totals[last, rows].argmax(axis=1)
    for word in range(mask.shape[1] - 1, 0, -1):
        chosen[:, word] = current
        before = (totals[word - 1] + arriving[current]).argmax(axis=1)
        current = np.where(word <= last, before, current)
    chosen[:, 0] = current
    return np.where(mask, chosen, OUTSIDE)


def _best_totals(scores: Floats, transitions: Floats) -> Floats:
    """Sum up the best legal sequence that ends with each tag at each word, shape `(words, batch, tags)`."""
    batch, words, tags = scores.shape
    # Tags of a sort beside each other, so that each step works on slices: `O`, all `B-`, all `I-`.
    order = np.concatenate([[OUTSIDE], np.arange(1, tags, 2), np.arange(2, tags, 2)])
    outer = (tags + 1) // 2
    steps = transitions[order[:, None], order]
    # An `I-` tag has two tags that it may follow, the others have all.
    enter, stay = steps[1:outer, outer:].diagonal(), steps[outer:, outer:].diagonal()
    steps = np.ascontiguousarray(steps[:, None, :outer])
    totals = np.empty((words, batch, tags), dtype=np.result_type(scores, transitions))
    totals[:] = scores[..., order].swapaxes(0, 1)
    totals[0, :, outer:] = -np.inf
    # Made once: fresh memory at each word would cost more than the sums in it.
    reach = np.empty((tags, batch, outer), dtype=totals.dtype)
    for before, total in pairwise(totals):
        total[:, :outer] += np.maximum.reduce(np.add(before.T[:, :, None], steps, out=reach), axis=0)
        total[:, outer:] += np.maximum(before[:, 1:outer] + enter, before[:, outer:] + stay)
    return totals[..., order.argsort()]


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
