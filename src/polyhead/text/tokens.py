"""One tokenizer for every task, in training and in serving alike."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from polyhead.errors import FolderError
from polyhead.spans import Booleans, Integers
from polyhead.text.grouping import group_words
from polyhead.text.tokenized import Passage, TokenBatch, TokenizedText
from polyhead.text.windows import cut

OVERLAP, LARGEST_OVERLAP = 0.125, 0.5
"""Share of a window that the next one holds too, usually and at most."""


class TextTokenizer:
    """A `tokenizers` tokenizer that never fails on a text and reports words as exact code points.

    Args:
        tokenizer: the tokenizer of the encoder.
        max_tokens: the longest input of the encoder, special tokens included.
        padding_id: the token id that fills short rows; the mask hides it.
        filler_id: the token that stands for a text without tokens.
        overlap: share of a window that the next one holds too; without it, texts end where the first window does.
    """

    def __init__(
        self, tokenizer: Tokenizer, *, max_tokens: int, padding_id: int, filler_id: int, overlap: float | None = None
    ) -> None:
        # What a person types is text, even where it spells a special token.
        tokenizer.encode_special_tokens = True
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.padding_id = padding_id
        self.filler_id = filler_id
        self.overlap = overlap

    @classmethod
    def from_folder(
        cls, folder: Path, *, max_tokens: int, padding_id: int, filler_id: int, overlap: float | None = None
    ) -> "TextTokenizer":
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
        return cls(tokenizer, max_tokens=max_tokens, padding_id=padding_id, filler_id=filler_id, overlap=overlap)

    @property
    def vocabulary_size(self) -> int:
        """Count the tokens, added ones included."""
        return self._tokenizer.get_vocab_size()

    def tokens(self) -> list[str]:
        """List the tokens in the order of their ids."""
        vocabulary = self._tokenizer.get_vocab()
        return sorted(vocabulary, key=vocabulary.__getitem__)

    @cached_property
    def separator_id(self) -> int | None:
        """Return the token that ends a first text, if what follows it is of the second token type."""
        encoding = self._tokenizer.encode("a", "b")
        types, ids = encoding.type_ids, encoding.ids
        place = types.index(1) - 1 if any(types) else -1
        if place < 0 or not encoding.special_tokens_mask[place]:
            return None
        separator = ids[place]
        before = np.cumsum(np.array(ids) == separator) - (np.array(ids) == separator)
        return separator if np.array_equal(np.minimum(before, 1), types) else None

    def to_json(self) -> str:
        """Return the content of `tokenizer.json`, without truncation and padding: a reader sets its own."""
        state = json.loads(self._tokenizer.to_str())
        state["truncation"] = state["padding"] = None
        return json.dumps(state, ensure_ascii=False)

    def tokenize(self, texts: Sequence[str | Passage], *, words: bool = True) -> list[TokenizedText]:
        """Turn texts into tokens.

        Args:
            texts: any Unicode texts, empty ones too, or passages.
            words: whether the borders of tokens are needed; without them it is faster.
        """
        passages = [Passage(text) if isinstance(text, str) else text for text in texts]
        encode = self._tokenizer.encode_batch if words else self._tokenizer.encode_batch_fast
        encodings = encode([_readable(passage) for passage in passages])
        return [self._tokenized(passage, of, words) for passage, of in zip(passages, encodings, strict=True)]

    def _tokenized(self, passage: Passage, encoding: Encoding, words: bool) -> TokenizedText:  # noqa: FBT001
        ids = np.array(encoding.ids or [self.filler_id], dtype=np.int64)
        starts = ends = None
        if words:
            outside = np.array(encoding.special_tokens_mask or [1], dtype=bool)
            if passage.pair is not None and encoding.ids:
                outside |= np.array([number == 1 for number in encoding.sequence_ids], dtype=bool)
            borders = np.array(encoding.offsets or [(0, 0)], dtype=np.int64)
            borders[outside] = -1
            starts, ends = borders[:, 0], borders[:, 1]
        whole = TokenizedText(passage.text, ids, starts, ends, truncated=False, tokens=passage.tokens)
        if len(ids) <= self.max_tokens:
            return whole
        sequences = np.array([-1 if number is None else number for number in encoding.sequence_ids])
        return self._windowed(whole, sequences)

    def _windowed(self, text: TokenizedText, sequences: Integers) -> TokenizedText:
        """Cut a text that is too long; of a pair, only the longer text, and the other where it fills half a window."""
        lengths = [int((sequences == number).sum()) for number in (0, 1)]
        room = max(1, self.max_tokens - int((sequences < 0).sum()))
        long = int(lengths[1] > lengths[0])
        short_room = min(lengths[1 - long], room // 2)
        position = np.arange(len(sequences))
        rank = position - np.array([np.argmax(sequences == number) for number in (0, 1)])[np.maximum(sequences, 0)]
        limits = {1 - long: short_room, long: room - short_room if self.overlap is None else len(sequences)}
        stay = (sequences < 0) | (rank < np.array([limits[0], limits[1]])[np.maximum(sequences, 0)])
        starts, ends = (None if of is None else of[stay] for of in (text.starts, text.ends))
        ids, sequences = text.ids[stay], sequences[stay]
        first, count = int(np.argmax(sequences == long)), int((sequences == long).sum())
        size = max(1, room - short_room)
        windows = cut(first=first, last=first + count, size=size, overlap=self.overlap or 0.0)
        return TokenizedText(text.text, ids, starts, ends, bool((~stay).any()), windows, text.tokens)

    def batch(self, tokenized: Sequence[TokenizedText]) -> TokenBatch:
        """Put tokenized texts side by side, padded to the longest."""
        ids, mask = self._padded([item.ids for item in tokenized])
        texts = tuple(item.text for item in tokenized)
        of = [np.stack([i.starts, i.ends], axis=1) for i in tokenized if i.starts is not None and i.ends is not None]
        words = borders = tokens = None
        if len(of) == len(tokenized):
            words, borders = group_words(texts, of, mask)
            tokens = np.full((*mask.shape, 2), -1, dtype=np.int64)
            if of:
                tokens[mask] = np.concatenate(of)
        truncated = np.array([item.truncated for item in tokenized], dtype=bool)
        return TokenBatch(texts, ids, mask, words, borders, truncated, tokens, tuple(i.tokens for i in tokenized))

    def window_batch(self, tokenized: Sequence[TokenizedText]) -> TokenBatch:
        """Put the windows of texts side by side, text after text: what the encoder reads, without words."""
        ids: list[Integers] = []
        texts: list[str] = []
        for item in tokenized:
            own = item.reads()
            ids += own
            texts += [item.text] * len(own)
        padded, mask = self._padded(ids)
        return TokenBatch(tuple(texts), padded, mask, None, None, np.zeros(len(ids), dtype=bool))

    def _padded(self, rows: Sequence[Integers]) -> tuple[Integers, Booleans]:
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
        ids = np.full(mask.shape, self.padding_id, dtype=np.int64)
        if rows:
            ids[mask] = np.concatenate(rows)
        return ids, mask


def _readable(passage: Passage) -> str | tuple[str, str]:
    text = _without_surrogates(passage.text)
    return text if passage.pair is None else (text, _without_surrogates(passage.pair))


def _without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no tokenizer takes, by as many replacement characters."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text
