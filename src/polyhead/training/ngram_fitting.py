"""Fits a linear model of n-grams to texts: convex, so that nothing has to be chosen by looking at dev rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from polyhead.model.ngrams import PAIRS, BagOfNgrams, pair_of
from polyhead.model.spelling import spelling
from polyhead.spans import Integers
from polyhead.tasks.base import HeadTask
from polyhead.training.minimising import minimise
from polyhead.training.steps import Labelled

PENALTY = 0.05
"""Weight of half the sum of the squared weights beside the sum of the losses; scikit-learn's `C = 20` is the same."""

ROUNDS, REMEMBERED = 100, 10
"""Iterations of L-BFGS, and how many of them it remembers: each takes twice the memory of the weights."""


@dataclass(slots=True)
class LabelledTexts:
    """Tokens of texts, and the targets that each task has for some of them.

    Args:
        ids: the tokens of each text.
        rows: by task, numbers of the texts that it has targets for.
        values: by task, these targets.
    """

    ids: list[Integers] = field(default_factory=list[Integers])
    rows: dict[str, list[Integers]] = field(default_factory=dict[str, list[Integers]])
    values: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])

    def add(self, labelled: Labelled) -> None:
        """Take in the texts of a batch, unless some of them are read in several windows."""
        if labelled.joining is not None:
            return
        first, batch = len(self.ids), labelled.batch
        self.ids += [ids[:length] for ids, length in zip(batch.ids, batch.mask.sum(axis=1).tolist(), strict=True)]
        for name, targets in labelled.targets.items():
            self.rows.setdefault(name, []).append(np.arange(first + targets.begin, first + targets.end))
            self.values.setdefault(name, []).append(targets.values)

    def of(self, task: str) -> tuple[list[Integers], Tensor]:
        """Return the tokens of the texts that a task has targets for, and the targets."""
        rows = np.concatenate(self.rows[task]).tolist()
        return [self.ids[row] for row in rows], torch.from_numpy(np.concatenate(self.values[task]))


def fit_ngrams(texts: LabelledTexts, tasks: Mapping[str, HeadTask], *, tokens: Sequence[str]) -> BagOfNgrams:
    """Fit each task by itself, with its own loss and an L2 penalty; for a classification, a logistic regression.

    A feature counts by its inverse document frequency. Tokens have the features of their spelling, so that a rare one
    is judged by those that look like it; pairs have one each.

    Args:
        texts: what to learn from.
        tasks: those that `texts` has targets for.
        tokens: the vocabulary in the order of the ids.
    """
    bag = BagOfNgrams({name: task.head_outputs for name, task in tasks.items()}, vocabulary=len(tokens))
    first = dict[str, int]()
    bag.lowered.copy_(torch.tensor([first.setdefault(token.lower(), number) for number, token in enumerate(tokens)]))
    every = _Bags.of(texts.ids, bag.lowered)
    spelled = _Spelling.of(tokens, every.tokens.numbers.bincount(minlength=len(tokens)), texts=len(texts.ids))
    rarity = _rarity(every.pairs.numbers.bincount(minlength=PAIRS), texts=len(texts.ids))
    bag.token_squares.copy_(spelled.squares())
    bag.pair_squares.copy_(rarity.square())
    for name, task in tasks.items():
        ids, targets = texts.of(name)
        objective = _Objective(_Bags.of(ids, bag.lowered), targets, task, spelled=spelled, rarity=rarity, bag=bag)
        objective.fit()
        columns = bag.columns(name)
        bag.tokens[:, columns], bag.pairs[:, columns], bag.bias[columns] = objective.tables()
    return bag


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Numbers of several texts end to end, and where each text begins."""

    numbers: Tensor
    begins: Tensor

    @classmethod
    def of(cls, numbers: Tensor, sizes: Tensor) -> Self:
        return cls(numbers, torch.cumsum(sizes, 0) - sizes)

    @classmethod
    def once(cls, numbers: Tensor, owners: Tensor, *, texts: int, below: int) -> Self:
        """Keep each number once in each text.

        Args:
            numbers: whole numbers.
            owners: the number of the text of each.
            texts: how many texts there are.
            below: more than the largest number.
        """
        keys = torch.unique(owners * below + numbers)
        return cls.of(keys % below, torch.bincount(keys // below, minlength=texts))

    def summed(self, table: Tensor) -> Tensor:
        """Add up the rows of a table that each text names, shape `(texts, columns)`."""
        return embedding_bag(self.numbers, table, self.begins, mode="sum")


@dataclass(frozen=True, slots=True)
class _Bags:
    """The tokens and the pairs of neighbouring tokens of texts, each once."""

    tokens: _Ragged
    pairs: _Ragged

    @classmethod
    def of(cls, ids: Sequence[Integers], lowered: Tensor) -> Self:
        numbers = torch.from_numpy(np.concatenate(ids))
        owners = torch.arange(len(ids)).repeat_interleave(torch.tensor([len(of) for of in ids]))
        forms, within = lowered[numbers], owners[:-1] == owners[1:]
        pairs = pair_of(forms[:-1], forms[1:])[within]
        return cls(
            _Ragged.once(numbers, owners, texts=len(ids), below=len(lowered)),
            _Ragged.once(pairs, owners[:-1][within], texts=len(ids), below=PAIRS),
        )


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Which features each token has, and how much each feature counts."""

    features: _Ragged
    rarity: Tensor

    @classmethod
    def of(cls, tokens: Sequence[str], counts: Tensor, *, texts: int) -> Self:
        named = [sorted(set(spelling(token))) for token in tokens]
        numbers = {name: number for number, name in enumerate(sorted(set(chain.from_iterable(named))))}
        sizes = torch.tensor([len(of) for of in named])
        ragged = _Ragged.of(torch.tensor([numbers[name] for of in named for name in of]), sizes)
        # Too many where two tokens of a text share a feature, which changes little.
        found = torch.zeros(len(numbers)).index_add_(0, ragged.numbers, counts.float().repeat_interleave(sizes))
        return cls(ragged, _rarity(found.clamp(max=texts), texts=texts))

    def squares(self) -> Tensor:
        """Return the squared length of each token's features, shape `(tokens,)`."""
        return self.features.summed(self.rarity.square()[:, None])[:, 0]

    def table(self, weights: Tensor) -> Tensor:
        """Add up the weights of each token's features, shape `(tokens, outputs)`."""
        return self.features.summed(weights * self.rarity[:, None])


class _Objective:
    """The penalised loss of one task, as a function of the weights of features and pairs."""

    def __init__(
        self, bags: _Bags, targets: Tensor, task: HeadTask, *, spelled: _Spelling, rarity: Tensor, bag: BagOfNgrams
    ) -> None:
        self._bags, self._targets, self._task, self._spelled, self._rarity = bags, targets, task, spelled, rarity
        squares = (bags.tokens, bag.token_squares), (bags.pairs, bag.pair_squares)
        tiny = torch.finfo(rarity.dtype).tiny
        self._lengths = [of.summed(square[:, None]).sqrt().clamp(min=tiny) for of, square in squares]
        sizes = ((len(spelled.rarity), task.head_outputs), (PAIRS, task.head_outputs), (task.head_outputs,))
        self._weights = [torch.zeros(size, requires_grad=True) for size in sizes]

    def fit(self) -> None:
        """Find the least, by L-BFGS from zero."""
        minimise(self._weights, self._loss, rounds=ROUNDS, remembered=REMEMBERED)

    def tables(self) -> list[Tensor]:
        """Return the tables of tokens and of pairs, and the bias."""
        with torch.no_grad():
            return [of.detach() for of in self._tables()]

    def _loss(self) -> Tensor:
        tokens, pairs, bias = self._tables()
        sums = self._bags.tokens.summed(tokens), self._bags.pairs.summed(pairs)
        logits = sum((of / length for of, length in zip(sums, self._lengths, strict=True)), start=bias)
        squares = sum((weights.square().sum() for weights in self._weights[:2]), start=logits.new_zeros(()))
        return self._task.loss(logits[:, : self._task.outputs], self._targets) + PENALTY / 2 * squares

    def _tables(self) -> tuple[Tensor, Tensor, Tensor]:
        features, pairs, bias = self._weights
        return self._spelled.table(features), pairs * self._rarity[:, None], bias


def _rarity(counts: Tensor, *, texts: int) -> Tensor:
    """Return the inverse document frequency, log((1 + texts) / (1 + count)) + 1, as scikit-learn smooths it."""
    return ((1 + texts) / (1 + counts)).log() + 1
