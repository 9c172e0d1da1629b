"""Spans as BIO tags that are judged as a sequence: a linear-chain conditional random field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from polyhead.decoding.base import learned, words_of
from polyhead.decoding.viterbi import UNOBSERVED, Viterbi, spans_of
from polyhead.spans import OUTSIDE, Booleans, Floats, Integers, Span, best_legal_tags, legal_transitions, tag_runs
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    from torch import Tensor

IMPOSSIBLE = -1e4
"""The score of an illegal step: finite, so that its gradient is zero and not a quotient of infinities."""


LEAST_WEIGHT = 1e-150
"""The least weight of a tag beside the best one at its word, so that no product of two is rounded to nothing."""


@dataclass(frozen=True)
class LinearChain(Viterbi):
    """Learned scores of tags after tags, beside those of tags at words; illegal steps are no choice.

    Args:
        transitions: the score of each tag after each tag, shape `(tags, tags)`: a tensor where it is learned, numbers
            where it is used; zero when absent.

    Reference:
        Lample et al. 2016, section 2.2, https://arxiv.org/abs/1603.01360, without scores of the first and the last tag
    """

    transitions: Any = None

    @property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        return {"transitions": (self.outputs, self.outputs)}

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the negative log-likelihood of the tag sequences; divided by the words it is a mean a word."""
        words = targets != UNOBSERVED
        if not bool(words.any()):
            return logits[words].float().sum()
        rows = words.any(dim=1)
        order = words[rows].logical_not().byte().argsort(dim=1, stable=True)[:, : int(words.sum(dim=1).max())]
        mask, gold = words[rows].gather(1, order), targets[rows].gather(1, order)
        wide = order.unsqueeze(-1).expand(-1, -1, logits.shape[-1])
        scores = logits[rows].gather(1, wide).float()
        steps = learned(self.transitions, (self.outputs, self.outputs), like=scores)
        losses = _log_partition(scores, mask, steps) - _score(scores, mask, steps, gold=gold)
        # Of a row that is known by heart the difference of two large sums may be rounded to below nothing.
        return (losses + (losses.clamp(min=0) - losses).detach()).sum()

    # Logits that are no numbers give confidences that are none; who made them is to complain.
    @np.errstate(invalid="ignore")
    def decode(self, logits: Floats, batch: TokenBatch) -> list[tuple[Span, ...]]:
        """Turn logits into spans; a span's confidence is the probability that it stands there exactly so."""
        words = words_of(batch)
        scores = words.taken(logits).astype(np.float64)
        transitions = np.zeros((self.outputs, self.outputs)) if self.transitions is None else np.array(self.transitions)
        tags = best_legal_tags(scores, words.mask, transitions=transitions)
        runs = tag_runs(tags)
        confidences = _confidences(runs, scores, words.mask, transitions=transitions)
        return spans_of(runs, confidences, words=words, labels=self.labels, texts=batch.texts)


class Marginals:
    """Forward and backward log-scores of all words, from which any event's probability follows.

    Args:
        scores: of tags at words, shape `(batch, words, tags)`.
        mask: true at words, false at padding after them, shape `(batch, words)`.
        transitions: of tags after tags, shape `(tags, tags)`.

    Reference:
        Rabiner 1989, section III.A, https://doi.org/10.1109/5.18626
    """

    def __init__(self, scores: Floats, mask: Booleans, transitions: Floats) -> None:
        legal = legal_transitions((scores.shape[-1] - 1) // 2)
        self._scores = scores
        self._steps = np.where(legal, transitions, -np.inf)
        self._last = mask.sum(axis=1) - 1
        words = np.arange(scores.shape[1])
        rows, end = np.arange(len(scores))[:, None], np.maximum(self._last, 0)[:, None]
        # Backwards is forwards through each row from its last word on, with the steps the other way round.
        turned = scores[rows, np.maximum(end - words, 0)]
        starts = np.where(legal[OUTSIDE], 0.0, -np.inf)
        factors = np.exp(self._steps)
        forward, ending = _summed(
            np.stack([scores, turned]), np.stack([factors, factors.T]), np.stack([starts, np.zeros_like(starts)])
        )
        self.forward = forward[rows, np.minimum(words, end)]
        self.backward = np.where(mask[..., None], (ending - turned)[rows, np.maximum(end - words, 0)], 0.0)
        self.total = np.logaddexp.reduce(forward[rows, end][:, 0], axis=-1) if len(words) else np.zeros(len(scores))

    def of_tags(self) -> Floats:
        """Return the probability of each tag at each word, shape `(batch, words, tags)`."""
        return np.exp(self.forward + self.backward - self.total[:, None, None])

    def of_runs(self, runs: tuple[Integers, Integers, Integers, Integers]) -> list[float]:
        """Return the probability of each span: that it begins, goes on and ends exactly where it does."""
        rows, first, end, labels = runs
        begin, inside = 1 + 2 * labels, 2 + 2 * labels
        further = end - first - 1
        last = np.where(further > 0, inside, begin)
        sums = self._scores.cumsum(axis=1)
        score = self.forward[rows, first, begin] + sums[rows, end - 1, inside] - sums[rows, first, inside]
        score += np.where(further > 0, self._steps[begin, inside], 0.0)
        score += np.maximum(further - 1, 0) * self._steps[inside, inside]
        # What follows may be anything but more of the same, and nothing after the last word.
        following = np.minimum(end, self._last[rows])
        after = self._steps[last] + self._scores[rows, following] + self.backward[rows, following]
        after[np.arange(len(rows)), inside] = -np.inf
        score += np.where(end <= self._last[rows], np.logaddexp.reduce(after, axis=1), 0.0)
        return np.exp(np.minimum(0.0, score - self.total[rows])).tolist()


def _confidences(
    runs: tuple[Integers, Integers, Integers, Integers], scores: Floats, mask: Booleans, *, transitions: Floats
) -> list[float]:
    """Return the probability of each span; only texts with spans are summed over."""
    if not len(runs[0]):
        return []
    rows, own = np.unique(runs[0], return_inverse=True)
    words = mask[rows].any(axis=0).sum()
    return Marginals(scores[rows, :words], mask[rows, :words], transitions).of_runs((own, *runs[1:]))


def _summed(scores: Floats, factors: Floats, starts: Floats) -> Floats:
    """Sum over all sequences that end with each tag at each word, as logarithms; two ways through the words at once.

    The sums are products of matrices that are scaled at each word, which is far cheaper than logarithms.

    Args:
        scores: of tags at words, shape `(ways, batch, words, tags)`.
        factors: of tags after tags, shape `(ways, tags, tags)`.
        starts: added to the scores of the first word, shape `(ways, tags)`.
    """
    highest = scores.max(axis=-1, keepdims=True)
    sums = np.empty((scores.shape[2], *scores.shape[:2], scores.shape[3]))
    np.maximum(np.exp(scores - highest), LEAST_WEIGHT, out=sums.transpose(1, 2, 0, 3))
    sums[:1] *= np.exp(starts)[:, None]
    scales = np.empty((*sums.shape[:-1], 1))
    for word in range(len(sums)):
        if word:
            sums[word] *= sums[word - 1] @ factors
        np.add.reduce(sums[word], axis=-1, keepdims=True, out=scales[word])
        sums[word] /= scales[word]
    with np.errstate(divide="ignore"):
        logarithms = np.log(sums, out=sums)
    logarithms += np.log(scales).cumsum(axis=0)
    return logarithms.transpose(1, 2, 0, 3) + highest.cumsum(axis=2)


def _log_partition(scores: "Tensor", mask: "Tensor", steps: "Tensor") -> "Tensor":
    """Sum over all legal sequences, as a logarithm, shape `(batch,)`."""
    illegal = steps.new_tensor(~legal_transitions((len(steps) - 1) // 2)).bool()
    # A product of matrices is far cheaper than logarithms of sums; what it rounds to nothing weighs nothing.
    factors = steps.masked_fill(illegal, IMPOSSIBLE).exp()
    least = float(np.finfo(np.float32).tiny)
    total = scores[:, 0].masked_fill(illegal[OUTSIDE], IMPOSSIBLE)
    for word in range(1, scores.shape[1]):
        highest = total.detach().amax(dim=1, keepdim=True)
        summed = ((total - highest).exp() @ factors).clamp_min(least).log() + highest
        total = (summed + scores[:, word]).where(mask[:, word].unsqueeze(1), total)
    return total.logsumexp(dim=1)


def _score(scores: "Tensor", mask: "Tensor", steps: "Tensor", *, gold: "Tensor") -> "Tensor":
    """Score the gold sequences, shape `(batch,)`."""
    tags = gold.clamp(min=0)
    at_words = scores.gather(-1, tags.unsqueeze(-1)).squeeze(-1)
    between = steps[tags[:, :-1], tags[:, 1:]]
    return (at_words * mask).sum(dim=1) + (between * mask[:, 1:]).sum(dim=1)
