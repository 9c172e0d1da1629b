"""Spans that may nest and overlap: every stretch of a few words gets a score for each label."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from polyhead.decoding.base import SpanDecoder, learned, words_of
from polyhead.decoding.viterbi import UNOBSERVED
from polyhead.spans import Floats, Integers, Span
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    from torch import Tensor

WIDTH = 32
"""Numbers of a word that its fellows at the other end of a span are compared with."""

PRIOR = 4.0
"""What speaks against a stretch before anything is learned: few of them are spans."""

CHUNK = 4096
"""Words whose stretches are scored together."""


@dataclass(frozen=True)
class SpanScores(SpanDecoder):
    """Score of a stretch = match of its ends + start of the label + end of the label + its length.

    For words i to j and label l: q_i · k_j / sqrt(width) + s_il + e_jl + b_(j-i)l. Each stretch is judged by itself.

    Args:
        max_words: the longest stretch that is a candidate.
        lengths: the scores b, shape `(max_words, labels)`: a tensor where they are learned, numbers where they are
            used; zero when absent.

    Reference:
        Su et al. 2022 (Efficient Global Pointer), https://arxiv.org/abs/2208.03054. Scores of lengths stand in for its
        rotary positions, and each stretch has a loss of its own, so that its probability can be read.
    """

    max_words: int
    lengths: Any = None

    @property
    def outputs(self) -> int:
        return 2 * WIDTH + 2 * len(self.labels)

    @property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        return {"lengths": (self.max_words, len(self.labels))}

    def targets(self, values: Sequence[Sequence[Span] | None], batch: TokenBatch) -> Integers:
        """Mark at each word's first token the stretches that begin there, `(batch, tokens, max_words, labels)`."""
        words = words_of(batch)
        targets = np.full((*batch.ids.shape, self.max_words, len(self.labels)), UNOBSERVED, dtype=np.int8)
        number = {label: index for index, label in enumerate(self.labels)}
        for row, spans in enumerate(values):
            if spans is None:
                continue
            places = words.places[row, words.mask[row]]
            starts, ends = words.borders[row, words.mask[row]].T
            inside = np.arange(len(places))[:, None] + np.arange(self.max_words) < len(places)
            targets[row, places] = np.where(inside[..., None], 0, UNOBSERVED)
            for span in spans:
                first = int(np.searchsorted(starts, span.start))
                count = int(np.searchsorted(ends, span.end, side="right")) - first
                if span.label in number and 0 < count <= self.max_words:
                    targets[row, places[first], count - 1, number[span.label]] = 1
        return targets

    def observed(self, targets: Integers | Floats) -> int:
        return int((targets[:, :, 0, 0] != UNOBSERVED).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the binary cross-entropy over all stretches and labels; divided by the words it is a mean a word."""
        words = targets[:, :, 0, 0] != UNOBSERVED
        if not bool(words.any()):
            return logits[words].float().sum()
        order = words.logical_not().byte().argsort(dim=1, stable=True)[:, : int(words.sum(dim=1).max())]
        rows = np.arange(len(logits))[:, None]
        picked, gold = logits[rows, order].float(), targets[rows, order].float()
        ends = np.minimum(np.arange(order.shape[1])[:, None] + np.arange(self.max_words), order.shape[1] - 1)
        left, right, begins, closes = picked.split([WIDTH, WIDTH, len(self.labels), len(self.labels)], dim=-1)
        match = (left.unsqueeze(2) * right[:, ends]).sum(dim=-1) / WIDTH**0.5
        lengths = learned(self.lengths, (self.max_words, len(self.labels)), like=match)
        scores = match.unsqueeze(-1) + begins.unsqueeze(2) + closes[:, ends] + lengths - PRIOR
        losses = scores.logaddexp(scores.new_zeros(())) - scores * gold
        return losses[gold != UNOBSERVED].sum()

    def decode(self, logits: Floats, batch: TokenBatch) -> list[tuple[Span, ...]]:
        """Return every stretch that is a span with a probability above one half; that is its confidence."""
        words = words_of(batch)
        picked = words.taken(logits)
        found: list[tuple[Span, ...]] = []
        for text, row, mask, borders in zip(batch.texts, picked, words.mask, words.borders, strict=True):
            places = borders[mask]
            spans = [
                Span(int(places[i, 0]), int(places[j, 1]), label, text[places[i, 0] : places[j, 1]], confidence)
                for i, j, label, confidence in self._found(row[mask])
            ]
            found.append(tuple(sorted(spans)))
        return found

    def _found(self, row: Floats) -> Iterator[tuple[int, int, str, float]]:
        left, right, begins, closes = np.split(row, [WIDTH, 2 * WIDTH, 2 * WIDTH + len(self.labels)], axis=-1)
        lengths = 0.0 if self.lengths is None else np.array(self.lengths)
        for begin in range(0, len(row), CHUNK):
            first = np.arange(begin, min(begin + CHUNK, len(row)))
            last = first[:, None] + np.arange(self.max_words)
            ends = np.minimum(last, len(row) - 1)
            match = (left[first, None] * right[ends]).sum(axis=-1, keepdims=True) / WIDTH**0.5
            scores = match + begins[first, None] + closes[ends] + lengths - PRIOR
            for i, length, label in np.argwhere((scores > 0) & (last < len(row))[..., None]).tolist():
                confidence = 1.0 / (1.0 + float(np.exp(-scores[i, length, label])))
                yield begin + i, begin + i + length, self.labels[label], confidence
