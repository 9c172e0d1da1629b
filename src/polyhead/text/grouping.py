"""From tokens to words: which token is the first of a word, and where the word starts and ends."""

from collections.abc import Sequence

import numpy as np

from polyhead.spans import Booleans, Integers
from polyhead.text.words import code_points, word_starts


def group_words(texts: Sequence[str], borders: Sequence[Integers], mask: Booleans) -> tuple[Booleans, Integers]:
    """Group tokens into words, for the whole batch at once.

    All texts are laid end to end with a space after each, so that every step is one array operation.

    Args:
        texts: the texts.
        borders: code points `[start, end)` of the tokens of each text, shape `(tokens, 2)`; -1 where a token is none.
        mask: true at tokens, false at padding after them, shape `(batch, tokens)`.

    Returns:
        True at the first token of each word, shape `(batch, tokens)`, and the borders of the words, given at their
        first tokens, shape `(batch, tokens, 2)`.
    """
    words = np.zeros(mask.shape, dtype=bool)
    places = np.zeros((*mask.shape, 2), dtype=np.int64)
    if not texts:
        return words, places
    codes = code_points("".join(text + " " for text in texts))
    text_lengths = np.array([len(text) + 1 for text in texts])
    text_begins = np.concatenate([[0], np.cumsum(text_lengths)[:-1]])
    begins = np.repeat(text_begins, [len(own) for own in borders])
    local = np.concatenate(borders)
    real = local[:, 1] > local[:, 0]
    absolute = (local + begins[:, None])[real]
    flat_first, flat_starts, flat_ends = _word_tokens(codes, absolute[:, 0], absolute[:, 1])
    positions = np.flatnonzero(mask.ravel())[real][flat_first]
    offsets = begins[real][flat_first]
    words.ravel()[positions] = True
    places.reshape(-1, 2)[positions] = np.stack([flat_starts - offsets, flat_ends - offsets], axis=1)
    return words, places


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
