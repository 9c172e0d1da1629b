"""Spans as one BIO tag a word, each word judged by itself, and the best legal sequence of tags."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyhead.decoding.base import SpanDecoder, Words, words_of
from polyhead.spans import OUTSIDE, Floats, Integers, Span, best_legal_tags, tag_runs
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    from torch import Tensor

UNOBSERVED = -100
CHUNK = 4096
"""Words whose probabilities are computed together."""


@dataclass(frozen=True)
class Viterbi(SpanDecoder):
    """Softmax over the tags of each word, then the most probable sequence among the legal ones."""

    @property
    def outputs(self) -> int:
        return 1 + 2 * len(self.labels)

    def targets(self, values: Sequence[Sequence[Span] | None], batch: TokenBatch) -> Integers:
        """Give each word's first token its tag, shape `(batch, tokens)`; all else is unobserved."""
        words = words_of(batch)
        targets = np.full(batch.ids.shape, UNOBSERVED, dtype=np.int64)
        number = {label: index for index, label in enumerate(self.labels)}
        for row, spans in enumerate(values):
            if spans is None:
                continue
            places = words.places[row, words.mask[row]]
            starts, ends = words.borders[row, words.mask[row]].T
            targets[row, places] = OUTSIDE
            for span in spans:
                # Words are in order, so those inside a span stand together.
                first = np.searchsorted(starts, span.start)
                inside = places[first : np.searchsorted(ends, span.end, side="right")]
                begin = 1 + 2 * number[span.label] if span.label in number else OUTSIDE
                targets[row, inside] = begin + (begin != OUTSIDE)
                targets[row, inside[:1]] = begin
        return targets

    def observed(self, targets: Integers | Floats) -> int:
        return int((targets != UNOBSERVED).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the cross-entropy over words; logits `(batch, tokens, tags)`, targets `(batch, tokens)`."""
        labelled = targets != UNOBSERVED
        log_probabilities = logits[labelled].float().log_softmax(dim=-1)
        return -log_probabilities.gather(-1, targets[labelled].unsqueeze(-1)).sum()

    def decode(self, logits: Floats, batch: TokenBatch) -> list[tuple[Span, ...]]:
        """Turn logits into spans; a span's confidence is the probability of its least certain word."""
        words = words_of(batch)
        scores = words.taken(logits)
        # What makes the scores of a word probabilities is the same for all its tags, so it settles no choice.
        tags = best_legal_tags(scores, words.mask)
        runs = tag_runs(tags)
        inside = tags != OUTSIDE
        confidences = _least_certain(scores[inside], tags[inside], runs[2] - runs[1])
        return spans_of(runs, confidences, words=words, labels=self.labels, texts=batch.texts)


def spans_of(
    runs: tuple[Integers, Integers, Integers, Integers],
    confidences: Sequence[float],
    *,
    words: Words,
    labels: Sequence[str],
    texts: Sequence[str],
) -> list[tuple[Span, ...]]:
    """Turn runs of words into the spans of each text.

    Args:
        runs: row, first word, word after the last and label number of each span.
        confidences: one a span.
        words: the words of the batch.
        labels: the labels in their order.
        texts: the texts of the batch.
    """
    rows, first, end, numbers = runs
    found: list[list[Span]] = [[] for _ in texts]
    starts, ends = words.borders[rows, first, 0].tolist(), words.borders[rows, end - 1, 1].tolist()
    parts = zip(rows.tolist(), starts, ends, numbers.tolist(), confidences, strict=True)
    for row, start, stop, number, confidence in parts:
        found[row].append(Span(start, stop, labels[int(number)], texts[int(row)][start:stop], confidence))
    return [tuple(spans) for spans in found]


def _least_certain(scores: Floats, tags: Integers, lengths: Integers) -> list[float]:
    """Return, for each span, the probability of its least certain word.

    Args:
        scores: logits of the words inside spans, in reading order, shape `(words, tags)`.
        tags: the tags of these words, shape `(words,)`.
        lengths: words of each span, shape `(spans,)`.
    """
    if not len(lengths):
        return []
    parts = (slice(begin, begin + CHUNK) for begin in range(0, len(tags), CHUNK))
    certainty = np.concatenate([_probabilities(scores[part], tags[part]) for part in parts])
    return np.minimum.reduceat(certainty, np.cumsum(lengths) - lengths).tolist()


def _probabilities(scores: Floats, tags: Integers) -> Floats:
    """Return the probability of one tag a word, shape `(words,)`."""
    exponentials = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
    return exponentials[np.arange(len(tags)), tags] / exponentials.sum(axis=-1)
