"""How long the texts of a task are, and how many the encoder reads in several windows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polyhead.data.alignment import words_of
from polyhead.data.rows import Rows
from polyhead.spans import Integers
from polyhead.text.tokens import TextTokenizer

SAMPLE = 20_000
"""Rows of a split that are measured; evenly spaced where there are more."""


@dataclass(frozen=True, slots=True)
class LengthTable:
    """Lengths of a task's texts.

    Args:
        median: half of the texts are no longer.
        most: 95 of 100 texts are no longer.
        longest: the longest text that was measured.
        windowed: texts that are too long for one pass; estimated where not all were measured.
        measured: texts that were measured.
    """

    median: int
    most: int
    longest: int
    windowed: int
    measured: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Lengths of some rows of a split.

    Args:
        rows: their numbers, shape `(measured rows,)`.
        lengths: their tokens, special ones included, shape `(measured rows,)`.
    """

    rows: Integers
    lengths: Integers


def measure_sample(rows: Rows, tokenizer: TextTokenizer | None) -> Measured:
    """Count the tokens of rows; words of the text where there is no tokenizer."""
    step = max(1, -(-len(rows) // SAMPLE))
    numbers = np.arange(0, len(rows), step)
    lengths = np.empty(len(numbers), dtype=np.int64)
    for begin in range(0, len(numbers), 1024):
        part = numbers[begin : begin + 1024]
        if tokenizer is not None:
            tokenized = tokenizer.tokenize(rows.passages(part), words=False)
            lengths[begin : begin + len(part)] = [len(text.ids) for text in tokenized]
            continue
        texts = [
            text if pair is None else f"{text} {pair}"
            for text, pair in zip(rows.texts(part), rows.pairs(part), strict=True)
        ]
        lengths[begin : begin + len(part)] = [len(words) for words in words_of(texts)]
    return Measured(numbers, lengths)


def length_table(measured: Mapping[str, Measured], splits: Mapping[str, Rows], task: int, *, limit: int) -> LengthTable:
    """Sum up the lengths of the rows that are labelled for a task.

    Args:
        measured: the lengths, by split.
        splits: the rows, by split.
        task: number of the task.
        limit: tokens that the encoder reads in one pass.
    """
    lengths: list[Integers] = []
    windowed = 0.0
    for split, rows in splits.items():
        labelled = rows.labelled[:, task]
        of = measured[split].lengths[labelled[measured[split].rows]]
        lengths.append(of)
        windowed += int((of > limit).sum()) / max(1, len(of)) * int(labelled.sum())
    together = np.concatenate(lengths)
    if not len(together):
        return LengthTable(0, 0, 0, 0, 0)
    median, most = np.percentile(together, [50, 95], method="higher").tolist()
    return LengthTable(int(median), int(most), int(together.max()), round(windowed), len(together))
