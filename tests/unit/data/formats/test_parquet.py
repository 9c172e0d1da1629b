"""Parquet, written by pyarrow on the other end."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyhead.data.formats import parquet
from polyhead.data.formats.base import Cell
from polyhead.errors import DataError

Parse = Callable[..., Any]
Write = Callable[..., Any]
ROWS = [
    {"text": "a", "topic": "x", "score": 1.5, "entities": [{"start": 0, "end": 1, "label": "L"}], "tags": ["N"]},
    {"text": "b", "topic": None, "score": None, "entities": [], "tags": None},
]


def test_rows_are_numbered_from_one(parse: Parse, tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert parse("parquet", tmp_path / "rows.parquet") == (list(enumerate(ROWS, start=1)), [])


def test_a_number_that_is_none_is_absent(parse: Parse, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "score": [math.nan]}), tmp_path / "rows.parquet")
    assert parse("parquet", tmp_path / "rows.parquet")[0] == [(1, {"text": "a", "score": None})]


def test_another_file_is_refused(parse: Parse) -> None:
    with pytest.raises(DataError, match="the file must be Parquet"):
        parse("parquet", "text,topic\n")


@pytest.mark.parametrize("batch", [1, 2, 10_000])
def test_what_is_written_is_read_again(batch: int, parse: Parse, write: Write, monkeypatch: Any) -> None:  # noqa: ANN401
    monkeypatch.setattr(parquet, "BATCH", batch)
    path, losses = write("parquet", ROWS)
    assert not losses
    assert [record for _, record in parse("parquet", path)[0]] == ROWS
    assert pq.read_table(path).to_pylist() == ROWS


def test_whole_and_broken_numbers_are_numbers(write: Write) -> None:
    path, losses = write("parquet", [{"text": "a", "score": 1}, {"text": "b", "score": 0.5}])
    assert not losses
    assert pq.read_table(path).column("score").to_pylist() == [1.0, 0.5]


def test_a_column_of_several_types_becomes_json(write: Write) -> None:
    path, losses = write("parquet", [{"text": "a", "x": "s"}, {"text": "b", "x": [1, 2]}])
    assert losses == {"x: values of several types become JSON in a column of strings": 1}
    assert pq.read_table(path).column("x").to_pylist() == ["s", "[1, 2]"]


def test_only_a_column_of_several_types_is_read_as_json(parse: Parse, write: Write) -> None:
    rows = [{"text": "[1]", "tags": ["x"], "topic": "[2]"}, {"text": "b", "tags": {"yes": ["x"], "no": []}}]
    first, second = (record for _, record in parse("parquet", write("parquet", rows)[0])[0])
    assert (first["text"], first["topic"], first["tags"], second["tags"]) == (
        "[1]", "[2]", '["x"]', '{"yes": ["x"], "no": []}'
    )  # fmt: skip
    assert [isinstance(first[name], Cell) for name in ("text", "topic", "tags")] == [False, False, True]
