"""What turns the scores of tokens into spans, one way or another."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from polyhead.spans import Booleans, Floats, Integers, Span
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a batch, moved to the left so that no token stands between them.

    Args:
        places: the first token of each word, shape `(batch, words)`.
        mask: true at words, false at padding after them, shape `(batch, words)`.
        borders: code points `[start, end)` of each word, shape `(batch, words, 2)`.
    """

    places: Integers
    mask: Booleans
    borders: Integers

    def taken(self, values: Floats) -> Floats:
        """Pick the values of the words from those of all tokens, shape `(batch, words, …)`."""
        return values[np.arange(len(values))[:, None], self.places]


def words_of(batch: TokenBatch) -> Words:
    """Find the words of a batch.

    Raises:
        ValueError: the batch was made without words.
    """
    if batch.words is None or batch.borders is None:
        message = "`batch` must hold words and borders: tokenize with `words=True`."
        raise ValueError(message)
    counts = batch.words.sum(axis=1)
    mask = np.arange(counts.max(initial=0)) < counts[:, None]
    places = np.zeros(mask.shape, dtype=np.int64)
    places[mask] = np.nonzero(batch.words)[1]
    borders = np.zeros((*mask.shape, 2), dtype=np.int64)
    borders[mask] = batch.borders[batch.words]
    return Words(places, mask, borders)


def learned(value: Any, shape: tuple[int, ...], *, like: "Tensor") -> "Tensor":  # noqa: ANN401
    """Return a parameter as a tensor: the tensor itself in training, its numbers afterwards, zeros before.

    Args:
        value: what a record holds of it.
        shape: of the parameter.
        like: a tensor on the same device.
    """
    if value is None:
        return like.new_zeros(shape)
    return value.float() if hasattr(value, "float") else like.new_tensor(value)


@dataclass(frozen=True)
class SpanDecoder(ABC):
    """A way to say spans by numbers for each token, to learn them, and to read them again.

    Args:
        labels: the labels in their order.
    """

    labels: tuple[str, ...]

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Count the numbers for one token."""

    @property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        """Name what is learned beside the layers of the head, with the shapes."""
        return {}

    @abstractmethod
    def targets(self, values: Sequence[Sequence[Span] | None], batch: TokenBatch) -> Integers:
        """Turn gold spans into targets, shape `(batch, tokens, …)`; rows without values are unobserved."""

    @abstractmethod
    def observed(self, targets: Integers | Floats) -> int:
        """Count the words of labelled rows."""

    @abstractmethod
    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the loss over the words of labelled rows; logits of shape `(batch, tokens, outputs)`."""

    @abstractmethod
    def decode(self, logits: Floats, batch: TokenBatch) -> list[tuple[Span, ...]]:
        """Turn logits into the spans of each text, in reading order."""
