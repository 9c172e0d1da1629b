"""Packed and plain files are read alike, and lines are numbered whatever they hold."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from polyhead.data.formats import files
from polyhead.data.formats.base import DataFile
from polyhead.data.formats.files import UNPACKING_ERRORS, ending_of, open_bytes, text_lines, writing
from polyhead.errors import DataError, Fault

CONTENT = "first\r\nsecond é\n\nlast".encode()
LINES = [(1, "first"), (2, "second é"), (3, ""), (4, "last")]


def packed(how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(CONTENT)
    return pa.compress(CONTENT, codec="zstd").to_pybytes() if how == "zstd" else CONTENT


def lines(path: Path, faults: list[Fault] | None = None) -> list[tuple[int, str]]:
    return list(text_lines(DataFile(path=path, name="rows"), [] if faults is None else faults))


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_lines_are_the_same_however_they_are_packed(how: str, tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(packed(how))
    assert lines(tmp_path / "rows") == LINES


@pytest.mark.parametrize("ending", [".txt", ".txt.gz", ".txt.zst"])
def test_what_is_written_is_packed_as_its_ending_says(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{ending}"
    with writing(path) as file:
        file.write(CONTENT)
    assert lines(path) == LINES
    assert (path.read_bytes() == CONTENT) is (ending == ".txt")


def test_packing_twice_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with writing(tmp_path / name) as file:
            file.write(CONTENT)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("kept")
    with pytest.raises(FileExistsError), writing(tmp_path / "rows"):
        pass
    assert (tmp_path / "rows").read_text() == "kept"


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_packed_file_that_is_cut_is_an_error_that_reading_knows(how: str, tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(packed(how)[:-6])
    with pytest.raises((OSError, *UNPACKING_ERRORS)):
        open_bytes(tmp_path / "rows").read()


def test_a_line_that_is_not_utf8_is_a_fault_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes("a\ncafé\nb".encode("latin-1"))
    faults: list[Fault] = []
    assert lines(tmp_path / "rows", faults) == [(1, "a"), (3, "b")]
    assert [str(fault) for fault in faults] == [
        "rows:2: a line must be UTF-8. Found the byte 0xe9 at position 4. Save the file again as UTF-8."
    ]


def test_a_line_that_is_too_long_is_a_fault_and_the_rest_is_read(tmp_path: Path, monkeypatch: Any) -> None:  # noqa: ANN401
    monkeypatch.setattr(files, "LONGEST_LINE", 8)
    (tmp_path / "rows").write_bytes(b"a\n" + b"b" * 100 + b"\nc\n")
    faults: list[Fault] = []
    assert lines(tmp_path / "rows", faults) == [(1, "a"), (3, "c")]
    assert "must not be endless" in faults[0].rule


def test_utf16_is_refused_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes("text".encode("utf-16"))
    with pytest.raises(DataError, match="Found UTF-16"):
        lines(tmp_path / "rows")


@pytest.mark.parametrize(("name", "ending"), [("a.JSONL.gz", ".jsonl"), ("a.csv", ".csv"), ("a.zst", ""), ("a", "")])
def test_the_ending_is_that_of_the_unpacked_file(name: str, ending: str) -> None:
    assert ending_of(Path(name)) == ending
