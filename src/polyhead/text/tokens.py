"""One tokenizer for every task, in training and in serving alike."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from polyhead.errors import FolderError
from polyhead.spans import Booleans, Integers
from polyhead.text.words import code_points, word_starts


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """One text as tokens.

    Args:
        text: the text as it was given.
        ids: token ids, special tokens included, shape `(tokens,)`.
        starts: where each token begins, in code points, shape `(tokens,)`; -1 at special tokens.
        ends: where each token ends, shape `(tokens,)`; -1 at special tokens.
        truncated: whether the text went on after the last token.
    """

    text: str
    ids: Integers
    starts: Integers | None
    ends: Integers | None
    truncated: bool

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Tokenized texts side by side, padded on the right.

    Args:
        texts: the texts as they were given.
        ids: token ids, shape `(batch, tokens)`.
        mask: true at tokens, false at padding, shape `(batch, tokens)`.
        words: true at the first token of each word, shape `(batch, tokens)`; absent when no task needs words.
        borders: code points `[start, end)` of each word, given at its first token, shape `(batch, tokens, 2)`.
        truncated: rows whose text went on after the last token, shape `(batch,)`.
    """

    texts: tuple[str, ...]
    ids: Integers
    mask: Booleans
    words: Booleans | None
    borders: Integers | None
    truncated: Booleans


class TextTokenizer:
    """A `tokenizers` tokenizer that never fails on a text and reports words as exact code points.

    Args:
        tokenizer: the tokenizer of the encoder.
        max_tokens: the longest input of the encoder, special tokens included.
        padding_id: the token id that fills short rows; the mask hides it.
        filler_id: the token that stands for a text without tokens.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int, padding_id: int, filler_id: int) -> None:
        # What a person types is text, even where it spells a special token.
        tokenizer.encode_special_tokens = True
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.padding_id = padding_id
        self.filler_id = filler_id

    @classmethod
    def from_folder(cls, folder: Path, *, max_tokens: int, padding_id: int, filler_id: int) -> "TextTokenizer":
        """Read `tokenizer.json` from a model folder.

        Raises:
            FolderError: the file is absent or is no tokenizer.
        """
        path = folder / "tokenizer.json"
        # The library raises bare `Exception` for anything that it cannot read.
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:
            message = f"{path} must be a tokenizer of the `tokenizers` library. Found: {error}."
            raise FolderError(message) from error
        return cls(tokenizer, max_tokens=max_tokens, padding_id=padding_id, filler_id=filler_id)

    @property
    def vocabulary_size(self) -> int:
        """Count the tokens, added ones included."""
        return self._tokenizer.get_vocab_size()

    def to_json(self) -> str:
        """Return the content of `tokenizer.json`, without truncation and padding: a reader sets its own."""
        state = json.loads(self._tokenizer.to_str())
        state["truncation"] = state["padding"] = None
        return json.dumps(state, ensure_ascii=False)

    def tokenize(self, texts: Sequence[str], *, words: bool = True) -> list[TokenizedText]:
        """Turn texts into tokens.

        Args:
            texts: any Unicode texts, empty ones too.
            words: whether the borders of tokens are needed; without them it is faster.
        """
        readable = [_without_surrogates(text) for text in texts]
        encode = self._tokenizer.encode_batch if words else self._tokenizer.encode_batch_fast
        encodings = encode(readable)
        return [self._tokenized(text, encoding, words) for text, encoding in zip(texts, encodings, strict=True)]

    def _tokenized(self, text: str, encoding: Encoding, words: bool) -> TokenizedText:  # noqa: FBT001
        ids = np.array(encoding.ids or [self.filler_id], dtype=np.int64)
        truncated = bool(encoding.overflowing)
        if not words:
            return TokenizedText(text, ids, None, None, truncated)
        special = np.array(encoding.special_tokens_mask or [1], dtype=bool)
        borders = np.array(encoding.offsets or [(0, 0)], dtype=np.int64)
        borders[special] = -1
        return TokenizedText(text, ids, borders[:, 0], borders[:, 1], truncated)

    def batch(self, tokenized: Sequence[TokenizedText]) -> TokenBatch:
        """Put tokenized texts side by side, padded to the longest."""
        lengths = np.array([len(item) for item in tokenized], dtype=np.int64)
        mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
        ids = np.full(mask.shape, self.padding_id, dtype=np.int64)
        if tokenized:
            ids[mask] = np.concatenate([item.ids for item in tokenized])
        words, borders = _words(tokenized, mask)
        return TokenBatch(
            texts=tuple(item.text for item in tokenized),
            ids=ids,
            mask=mask,
            words=words,
            borders=borders,
            truncated=np.array([item.truncated for item in tokenized], dtype=bool),
        )


def _without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no tokenizer takes, by as many replacement characters."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text


def _words(tokenized: Sequence[TokenizedText], mask: Booleans) -> tuple[Booleans | None, Integers | None]:
    """Group tokens into words, for the whole batch at once.

    All texts are laid end to end with a space after each, so that every step is one array operation.
    """
    starts_of = [item.starts for item in tokenized if item.starts is not None]
    ends_of = [item.ends for item in tokenized if item.ends is not None]
    words = np.zeros(mask.shape, dtype=bool)
    borders = np.zeros((*mask.shape, 2), dtype=np.int64)
    if len(starts_of) != len(tokenized):
        return None, None
    if not tokenized:
        return words, borders
    codes = code_points("".join(item.text + " " for item in tokenized))
    text_lengths = np.array([len(item.text) + 1 for item in tokenized])
    text_begins = np.concatenate([[0], np.cumsum(text_lengths)[:-1]])
    begins = np.repeat(text_begins, [len(item) for item in tokenized])
    local_starts, local_ends = np.concatenate(starts_of), np.concatenate(ends_of)
    real = local_ends > local_starts
    flat_first, flat_starts, flat_ends = _word_tokens(codes, (local_starts + begins)[real], (local_ends + begins)[real])
    positions = np.flatnonzero(mask.ravel())[real][flat_first]
    offsets = begins[real][flat_first]
    words.ravel()[positions] = True
    borders.reshape(-1, 2)[positions] = np.stack([flat_starts - offsets, flat_ends - offsets], axis=1)
    return words, borders


def _word_tokens(codes: Integers, starts: Integers, ends: Integers) -> tuple[Integers, Integers, Integers]:
    """Find the first token of each word, and where the word starts and ends.

    Args:
        codes: code points of all texts, shape `(characters,)`.
        starts: where each token begins in them, shape `(tokens,)`; white space around a token may be part of it.
        ends: where each token ends, shape `(tokens,)`.

    Returns:
        Index of the first token, start and end of each word, each of shape `(words,)`.
    """
    begins, space = word_starts(codes)
    position = np.arange(len(codes))
    next_visible = np.minimum.accumulate(np.where(space, len(codes), position)[::-1])[::-1]
    last_visible = np.maximum.accumulate(np.where(space, -1, position))
    starts, ends = next_visible[starts], last_visible[ends - 1] + 1
    kept = np.flatnonzero(ends > starts)
    if not len(kept):
        return kept, kept, kept
    # Some tokenizers drop accents or unknown letters; the word has them all the same.
    word_begin = np.maximum.accumulate(np.where(begins, position, 0))
    word_end = np.minimum.accumulate(np.where(begins | space, position, len(codes))[::-1])[::-1]
    starts, ends = word_begin[starts[kept]], word_end[ends[kept]]
    furthest = np.maximum.accumulate(ends)
    first = np.flatnonzero(np.concatenate([[True], starts[1:] >= furthest[:-1]]))
    return kept[first], starts[first], np.maximum.reduceat(ends, first)
