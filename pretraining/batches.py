"""Batches of masked text: which rows and which masks is a pure function of the seed and the step.

A passage is cut into rows of equal length and never joined with another. Joining fills up rows, which saves padding;
the forward has no padding, so it would gain nothing and let tokens attend to a text that has nothing to do with theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyhead.model.compact import MASK, SPECIAL
from polyhead.model.packed.layout import Packing
from polyhead.spans import Integers

ROW = 128
"""The most tokens of a row."""

SHORTEST = 8
"""Rows with fewer tokens of text leave too little to guess from."""

MASKED = 0.2
"""Share of the tokens that are to be guessed. Large encoders gain from up to 40 %, since more guesses a text make up
for less context to guess from, and larger ones from more than smaller ones (Wettig et al. 2023,
https://aclanthology.org/2023.eacl-main.217). This one is small, so a little more than the usual 15 %."""

HIDDEN, SWAPPED = 0.8, 0.1
"""Of the tokens to guess, so many are hidden and so many replaced by any token; the others stay, since no text that is
read later has hidden tokens (Devlin et al. 2019, https://arxiv.org/abs/1810.04805)."""

HELD_OUT_EVERY = 200
MOST_HELD_OUT = 400
"""Rows of the passages that are not trained on which are measured."""

ORDER, MASKS, HELD_OUT = 1, 2, 3
"""Keep the random streams apart that are drawn from one seed."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Runs of tokens in the corpus.

    Args:
        begins: the first token of each.
        lengths: how many there are.
    """

    begins: Integers
    lengths: Integers

    def chosen(self, rows: Integers) -> "Rows":
        """Return some of them."""
        return Rows(self.begins[rows], self.lengths[rows])


@dataclass(frozen=True, slots=True)
class MaskedBatch:
    """Rows with tokens to guess.

    Args:
        ids: the tokens, some hidden, shape `(rows, longest)`.
        packing: where the real ones are.
        places: which of the packed tokens are to be guessed, shape `(guesses,)`.
        targets: their ids without the special tokens before them, shape `(guesses,)`.
    """

    ids: Tensor
    packing: Packing
    places: Tensor
    targets: Tensor

    def through(self, move: Callable[[Tensor], Tensor]) -> Self:
        """Apply a move, to pinned memory or to a device, to every tensor."""
        buckets = tuple(
            bucket
            if bucket.places is None or bucket.mask is None
            else replace(bucket, places=move(bucket.places), mask=move(bucket.mask))
            for bucket in self.packing.buckets
        )
        names = ("places", "positions", "texts", "begins")
        moved = {name: move(getattr(self.packing, name)) for name in names}
        packing = replace(self.packing, **moved, buckets=buckets)
        return replace(self, ids=move(self.ids), packing=packing, places=move(self.places), targets=move(self.targets))


def cut(ends: Integers, passages: Integers) -> Rows:
    """Cut passages into as few rows as possible, of equal length as nearly as can be.

    Args:
        ends: where each passage of the corpus ends.
        passages: numbers of those to cut.
    """
    begins = np.concatenate([[0], ends[:-1]])[passages]
    sizes = ends[passages] - begins
    pieces = -(-sizes // ROW)
    of = np.repeat(np.arange(len(passages)), pieces)
    number = np.arange(len(of)) - (np.cumsum(pieces) - pieces)[of]
    first, last = (begins[of] + sizes[of] * which // pieces[of] for which in (number, number + 1))
    kept = last - first >= SHORTEST
    return Rows(first[kept], (last - first)[kept])


class BatchSource:
    """Makes the batch of any step.

    Args:
        tokens: the tokens of the corpus.
        ends: where each passage ends in them; one in 200 is held out.
        vocabulary: how many tokens there are.
        budget: tokens of a batch; a last row may go beyond it.
        seed: decides order and masks.
    """

    def __init__(self, tokens: NDArray[np.uint16], ends: Integers, *, vocabulary: int, budget: int, seed: int) -> None:
        self._tokens, self._vocabulary, self._budget, self._seed = tokens, vocabulary, budget, seed
        held_out = np.arange(len(ends)) % HELD_OUT_EVERY == 0
        self._rows = cut(ends, np.flatnonzero(~held_out))
        unseen = cut(ends, np.flatnonzero(held_out))
        # Some of every file, wherever it stands.
        self._held_out = unseen.chosen(np.arange(0, len(unseen.begins), -(-len(unseen.begins) // MOST_HELD_OUT) or 1))
        self._ordered: tuple[int, Integers, Integers] | None = None
        self.steps_per_epoch = max(1, int(self._rows.lengths.sum()) // budget)

    def make(self, step: int) -> MaskedBatch:
        """Make the batch of a step, counted from 0."""
        epoch, number = divmod(step, self.steps_per_epoch)
        order, starts = self._order(epoch)
        rows = self._rows.chosen(order[starts[number] : starts[number + 1]])
        return self._masked(rows, self._random(MASKS, step))

    def held_out(self) -> list[MaskedBatch]:
        """Make batches of what is not trained on, always the same."""
        parts = np.array_split(np.arange(len(self._held_out.begins)), -(-MOST_HELD_OUT * ROW // self._budget))
        filled = [(number, rows) for number, rows in enumerate(parts) if len(rows)]
        return [self._masked(self._held_out.chosen(rows), self._random(HELD_OUT, number)) for number, rows in filled]

    def _random(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, purpose, number])))

    def _order(self, epoch: int) -> tuple[Integers, Integers]:
        """Shuffle the rows; return them, and where each batch begins. What fills no batch waits for its next turn."""
        if self._ordered is None or self._ordered[0] != epoch:
            order = self._random(ORDER, epoch).permutation(len(self._rows.begins))
            sizes = self._rows.lengths[order]
            batch_of = (np.cumsum(sizes) - sizes) // self._budget
            self._ordered = (epoch, order, np.searchsorted(batch_of, np.arange(self.steps_per_epoch + 1)))
        return self._ordered[1:]

    def _masked(self, rows: Rows, random: np.random.Generator) -> MaskedBatch:
        real = np.arange(int(rows.lengths.max())) < rows.lengths[:, None]
        ids = np.zeros(real.shape, dtype=np.int64)
        ids[real] = self._tokens[(rows.begins[:, None] + np.arange(real.shape[1]))[real]]
        packing = Packing.of(torch.from_numpy(real))
        if packing is None:
            message = "rows must have tokens"
            raise ValueError(message)
        in_grid = packing.places.numpy()
        packed = ids.ravel()[in_grid]
        ordinary = packed >= len(SPECIAL)
        places = np.flatnonzero(ordinary & (random.random(len(packed)) < MASKED))
        # A loss over nothing is no number.
        places = places if len(places) else np.flatnonzero(ordinary)[:1]
        targets = packed[places]
        fate = random.random(len(places))
        anything = random.integers(len(SPECIAL), self._vocabulary, len(places))
        shown = np.where(fate < HIDDEN, SPECIAL.index(MASK), np.where(fate < HIDDEN + SWAPPED, anything, targets))
        ids.ravel()[in_grid[places]] = shown
        tensors = (torch.from_numpy(of) for of in (places, targets - len(SPECIAL)))
        return MaskedBatch(torch.from_numpy(ids), packing, *tensors)
