"""The file that rows are written to: in small batches, gone from the file system, and clear when the disk is full."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from polyhead.data import storage
from polyhead.data.columns import Row
from polyhead.data.storage import RowsWriter
from polyhead.errors import StorageError
from polyhead.tasks.base import Task

AddRows = Callable[[RowsWriter], None]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def fill(writer: RowsWriter, count: int, *, text: str = "a", values: dict[str, Any] | None = None) -> None:
    writer.begin_file("rows.jsonl")
    for line in range(count):
        writer.add(line + 1, Row(text, values or {}))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 11])
def test_every_row_is_kept_whatever_the_batches(count: int, tasks: dict[str, Task], monkeypatch: Any) -> None:  # noqa: ANN401
    monkeypatch.setattr(storage, "ROWS_HELD", 4)
    with RowsWriter(tasks) as writer:
        fill(writer, count, values={"topic": "x"})
        rows = writer.finish()
    assert len(rows) == count
    assert rows.values("topic", range(count)) == ["x"] * count
    assert rows.counts("topic")["x"] == count


def test_long_texts_are_written_early(tasks: dict[str, Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "CHARACTERS_HELD", 100)
    written: list[int] = []
    record_batch = pa.record_batch

    def counted(columns: list[pa.Array], *, schema: pa.Schema) -> pa.RecordBatch:
        written.append(len(columns[0]))
        return record_batch(columns, schema=schema)

    monkeypatch.setattr(pa, "record_batch", counted)
    with RowsWriter(tasks) as writer:
        fill(writer, 10, text="b" * 50)
        rows = writer.finish()
    assert written == [2] * 5
    assert rows.texts(range(10)) == ["b" * 50] * 10


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps the names of mapped files")
def test_rows_leave_nothing_in_the_file_system(temporary: Path, tasks: dict[str, Task]) -> None:
    with RowsWriter(tasks) as writer:
        fill(writer, 3, text="kept")
        assert len(list(temporary.iterdir())) == 1
        rows = writer.finish()
    assert list(temporary.iterdir()) == []
    assert rows.texts(range(3)) == ["kept"] * 3


def test_what_was_begun_is_removed_when_reading_breaks(temporary: Path, tasks: dict[str, Task]) -> None:
    def read() -> None:
        with RowsWriter(tasks) as writer:
            fill(writer, 3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read()
    assert list(temporary.iterdir()) == []


class FullDisk:
    """A writer of Arrow files whose disk is full."""

    def write_batch(self, _: pa.RecordBatch) -> None:
        raise OSError(28, "No space left on device")

    close = write_batch


def test_a_full_disk_is_told_with_what_to_do(
    temporary: Path, tasks: dict[str, Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> None:
        with RowsWriter(tasks) as writer:
            fill(writer, 1)
            writer.finish()

    monkeypatch.setattr(pa.ipc, "new_file", lambda *_: FullDisk())
    with pytest.raises(StorageError, match=r"No space left on device. Free some space, or .* TMPDIR"):
        read()
    assert list(temporary.iterdir()) == []
