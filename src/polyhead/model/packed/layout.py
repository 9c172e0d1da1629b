"""Where the tokens of a batch are once padding is gone, and which texts attend side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polyhead.spans import Integers

SPREAD = 8
"""Tokens that the texts of a bucket may always differ by: a few masked ones cost less than one more call."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Texts of about the same length, whose attention is computed together.

    Args:
        begin: the first of their tokens in the packed order; theirs follow each other.
        end: the token after their last.
        texts: how many texts there are.
        longest: tokens of the longest.
        places: where each token is among `texts * longest`, shape `(tokens,)`; absent where all are equally long.
        mask: true at tokens, shape `(texts, 1, 1, longest)`; absent where all are equally long.
    """

    begin: int
    end: int
    texts: int
    longest: int
    places: Tensor | None
    mask: Tensor | None

    def grid(self, packed: Tensor) -> Tensor:
        """Put states of all tokens, shape `(tokens, width)`, side by side as `(texts, longest, width)`."""
        own = packed[self.begin : self.end]
        if self.places is not None:
            own = own.new_zeros(self.texts * self.longest, own.shape[1]).index_copy(0, self.places, own)
        return own.view(self.texts, self.longest, -1)

    def packed(self, grid: Tensor) -> Tensor:
        """Undo `grid` for the tokens of this bucket."""
        flat = grid.reshape(self.texts * self.longest, -1)
        return flat if self.places is None else flat.index_select(0, self.places)


@dataclass(frozen=True, slots=True)
class Packing:
    """The tokens of a batch end to end, without padding, shortest text first.

    Args:
        places: where each token is in the padded batch, counted row by row, shape `(tokens,)`.
        positions: position of each token in its text, shape `(tokens,)`.
        texts: number of the text of each token in the packed order, shape `(tokens,)`.
        begins: where each text begins in the packed order, and where the last ends, shape `(batch + 1,)`, int32.
        lengths: tokens of each text in the packed order, known to the processor.
        shape: `(batch, tokens)` of the padded batch.
        buckets: the texts again, by about the same length.
    """

    places: Tensor
    positions: Tensor
    texts: Tensor
    begins: Tensor
    lengths: Integers
    shape: tuple[int, int]
    buckets: tuple[Bucket, ...]

    @classmethod
    def of(cls, mask: Tensor) -> "Packing | None":
        """Find the tokens; nothing where a text is empty or has padding elsewhere than at its end.

        Args:
            mask: not zero at tokens, shape `(batch, tokens)`.
        """
        given = mask.cpu().numpy() != 0
        lengths = given.sum(axis=1)
        if (
            not given.size
            or not lengths.all()
            or not np.array_equal(np.arange(given.shape[1]) < lengths[:, None], given)
        ):
            return None
        order = np.argsort(lengths, kind="stable")
        lengths = lengths[order]
        texts = np.repeat(np.arange(len(lengths)), lengths)
        positions = np.arange(len(texts)) - (np.cumsum(lengths) - lengths)[texts]
        places = order[texts] * given.shape[1] + positions
        return cls(
            places=torch.from_numpy(places).to(mask.device),
            positions=torch.from_numpy(positions).to(mask.device),
            texts=torch.from_numpy(texts).to(mask.device),
            begins=torch.from_numpy(np.cumsum([0, *lengths], dtype=np.int32)).to(mask.device),
            lengths=lengths,
            shape=(given.shape[0], given.shape[1]),
            buckets=tuple(_buckets(lengths, mask.device)),
        )

    def pack(self, padded: Tensor) -> Tensor:
        """Leave out padding, shape `(batch, tokens, …)` to `(tokens, …)`."""
        return padded.flatten(0, 1).index_select(0, self.places)

    def pad(self, packed: Tensor) -> Tensor:
        """Undo `pack`, with zeros at padding."""
        batch, tokens = self.shape
        flat = packed.new_zeros(batch * tokens, packed.shape[1]).index_copy(0, self.places, packed)
        return flat.view(batch, tokens, -1)


def _buckets(lengths: Integers, device: torch.device) -> Iterator[Bucket]:
    """Group texts so that a bucket's shortest is at most a quarter, or a few tokens, shorter than its longest."""
    ends = np.cumsum(lengths)
    last = len(lengths)
    found: list[Bucket] = []
    while last:
        longest = int(lengths[last - 1])
        first = int(np.searchsorted(lengths, longest - max(SPREAD, longest // 4)))
        own = lengths[first:last]
        begin, end = int(ends[first] - lengths[first]), int(ends[last - 1])
        mask = places = None
        if own[0] != longest:
            tokens = np.arange(longest) < own[:, None]
            places = torch.from_numpy(np.flatnonzero(tokens)).to(device)
            mask = torch.from_numpy(tokens).to(device)[:, None, None, :]
        found.append(Bucket(begin, end, last - first, longest, places, mask))
        last = first
    yield from reversed(found)
