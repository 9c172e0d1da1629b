"""A text as it is read: its tokens, its windows, and its place in a batch."""

from dataclasses import dataclass

import numpy as np

from polyhead.spans import Booleans, Integers
from polyhead.text.windows import Windows
from polyhead.text.words import code_points, word_starts


@dataclass(frozen=True, slots=True)
class Passage:
    """What is read at once: a text, alone or with a second one.

    Args:
        text: the text.
        pair: the second text, for questions about two.
        tokens: code points `[start, end)` of the tokens that came with the text, shape `(tokens, 2)`; the words of
            the text stand for them when absent.
    """

    text: str
    pair: str | None = None
    tokens: Integers | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedText:
    """One text as tokens.

    Args:
        text: the text as it was given.
        ids: token ids, special tokens included, shape `(tokens,)`.
        starts: where each token begins in the text, in code points, shape `(tokens,)`; -1 at special tokens and in a
            second text.
        ends: where each token ends, shape `(tokens,)`; -1 as in `starts`.
        truncated: whether the text went on after the last token.
        windows: how the tokens are read when they are too many for one pass.
        tokens: borders of the tokens that came with the text, shape `(given tokens, 2)`.
    """

    text: str
    ids: Integers
    starts: Integers | None
    ends: Integers | None
    truncated: bool
    windows: Windows | None = None
    tokens: Integers | None = None

    def __len__(self) -> int:
        """Count the tokens that the encoder reads for this text."""
        return self.read_at_once * self.passes

    @property
    def passes(self) -> int:
        """Count the windows."""
        return 1 if self.windows is None else len(self.windows)

    @property
    def read_at_once(self) -> int:
        """Count the tokens of one window."""
        if self.windows is None:
            return len(self.ids)
        return len(self.ids) - (self.windows.last - self.windows.first) + self.windows.size

    def reads(self) -> list[Integers]:
        """List what the encoder reads in each pass: the token ids of each window."""
        return [self.ids] if self.windows is None else list(self.ids[self.windows.places(len(self.ids))])

    def kept(self, begin: int, end: int) -> "TokenizedText":
        """Return the same text with the tokens of some of its windows only, as if there were no others.

        Args:
            begin: number of the first window that stays.
            end: number of the window after the last that stays.
        """
        windows = self.windows
        if windows is None:
            return self
        first, last = int(windows.begins[begin]), int(windows.begins[end - 1]) + windows.size
        position = np.arange(len(self.ids))
        stay = (position < windows.first) | (position >= windows.last) | ((position >= first) & (position < last))
        moved = windows.begins[begin:end] - first + windows.first
        fewer = Windows(windows.first, windows.first + last - first, moved, windows.size)
        starts, ends = (None if of is None else of[stay] for of in (self.starts, self.ends))
        return TokenizedText(self.text, self.ids[stay], starts, ends, truncated=True, windows=fewer, tokens=self.tokens)


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Tokenized texts side by side, padded on the right; texts of several windows in their whole length.

    Args:
        texts: the texts as they were given.
        ids: token ids, shape `(batch, tokens)`.
        mask: true at tokens, false at padding, shape `(batch, tokens)`.
        words: true at the first token of each word, shape `(batch, tokens)`; absent when no task needs words.
        borders: code points `[start, end)` of each word, given at its first token, shape `(batch, tokens, 2)`.
        truncated: rows whose text went on after the last token, shape `(batch,)`.
        tokens: code points `[start, end)` of each token, shape `(batch, tokens, 2)`; -1 at special tokens, padding and
            second texts. Absent when no task needs words.
        given: for each row, the borders of the tokens that came with it, if any came.
    """

    texts: tuple[str, ...]
    ids: Integers
    mask: Booleans
    words: Booleans | None
    borders: Integers | None
    truncated: Booleans
    tokens: Integers | None = None
    given: tuple[Integers | None, ...] = ()

    def units(self, row: int) -> tuple[Integers, Integers, Integers]:
        """Find the subwords of the tokens that came with a row's text, or of its words when none came.

        Returns:
            The borders of the tokens, shape `(units, 2)`; the first subword of each, and the one after its last. Where
            no subword covers a token, both are the nearest.

        Raises:
            ValueError: the batch was made without words.
        """
        if self.words is None or self.borders is None or self.tokens is None:
            message = "`batch` must hold words and borders: tokenize with `words=True`."
            raise ValueError(message)
        given = self.given[row] if self.given else None
        borders = self.borders[row, self.words[row]] if given is None else given
        real = np.flatnonzero(self.tokens[row, :, 1] > self.tokens[row, :, 0])
        if not len(real):
            none = np.zeros(len(borders), dtype=np.int64)
            return borders, none, none
        # Some tokenizers count the space before a word to its first token.
        _, space = word_starts(code_points(self.texts[row] + "."))
        visible = np.minimum.accumulate(np.where(space, len(space), np.arange(len(space)))[::-1])[::-1]
        starts, ends = visible[self.tokens[row, real, 0]], self.tokens[row, real, 1]
        first = np.searchsorted(starts, borders[:, 0])
        within = starts[np.minimum(first, len(real) - 1)] < borders[:, 1]
        within &= first < len(real)
        # A token that no subword begins in shares the one that covers its beginning.
        first = np.where(within, first, np.searchsorted(ends, borders[:, 0], side="right"))
        after = np.maximum(np.searchsorted(starts, borders[:, 1]), first)
        nearest = np.minimum(first, len(real) - 1)
        return borders, real[nearest], real[nearest] + (after - first)
