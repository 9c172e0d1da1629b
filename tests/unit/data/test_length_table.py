"""How long texts are, measured or estimated, in tokens or in words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from polyhead.data import length_table as module
from polyhead.data.length_table import LengthTable, length_table, measure_sample
from polyhead.data.reading import RowsRead
from polyhead.data.rows import Rows
from polyhead.text.tokens import TextTokenizer

Make = Callable[..., Rows]


@pytest.fixture
def tokenizer(tokenizer: TextTokenizer) -> TextTokenizer:
    """Keep long texts whole, as training with windows does."""
    tokenizer.overlap = 0.125
    return tokenizer


@pytest.fixture
def rows_of(save: Callable[..., str], read: Callable[..., RowsRead]) -> Make:
    """Make rows of so many words each; the even ones have a topic."""

    def make(*counts: int, **more: Any) -> Rows:  # noqa: ANN401
        rows = [
            {"text": " ".join(["w"] * count), "topic": None if number % 2 else "x", "entities": [], **more}
            for number, count in enumerate(counts)
        ]
        return read(save(*rows)).rows

    return make


def test_lengths_are_of_the_rows_that_a_task_labels(rows_of: Make, tokenizer: TextTokenizer) -> None:
    rows = rows_of(1, 2, 3, 40, 5, 60)
    measured = {"train": measure_sample(rows, tokenizer)}
    tables = [length_table(measured, {"train": rows}, task, limit=8) for task in (0, 1)]
    assert tables[0] == LengthTable(median=3, most=5, longest=5, windowed=0, measured=3)
    assert tables[1] == LengthTable(median=5, most=60, longest=60, windowed=2, measured=6)


def test_without_a_tokenizer_words_are_counted(rows_of: Make) -> None:
    assert measure_sample(rows_of(1, 4), None).lengths.tolist() == [1, 4]
    assert measure_sample(rows_of(1, 4, text_pair="two, words"), None).lengths.tolist() == [4, 7]


def test_pairs_are_measured_together(rows_of: Make, tokenizer: TextTokenizer) -> None:
    assert measure_sample(rows_of(3, text_pair="a b"), tokenizer).lengths.tolist() == [5]


def test_large_splits_are_sampled_and_windows_estimated(
    rows_of: Make, tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 10)
    rows = rows_of(*([3, 3, 3, 20] * 25))
    measured = measure_sample(rows, tokenizer)
    assert measured.rows.tolist() == list(range(0, 100, 10))
    table = length_table({"train": measured}, {"train": rows}, 1, limit=8)
    assert table.measured == 10
    assert table.windowed == round(int((np.asarray(measured.lengths) > 8).sum()) * 10)


def test_a_task_without_rows_has_no_lengths(rows_of: Make) -> None:
    rows = rows_of()
    assert length_table({"train": measure_sample(rows, None)}, {"train": rows}, 0, limit=8) == LengthTable(
        0, 0, 0, 0, 0
    )
