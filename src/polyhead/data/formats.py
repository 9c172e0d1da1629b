"""Which reader a data file has: told by the ending of its name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from polyhead.data.jsonl import read_json_lines
from polyhead.errors import Fault


class Reader(Protocol):
    """Reads one format: yields the place of each record in the file and its fields.

    What is no record is added to `faults`, and reading goes on. `DataError` says that the file as a whole is of
    another format; `OSError` that it cannot be read.
    """

    def __call__(self, path: Path, *, name: str, faults: list[Fault]) -> Iterator[tuple[int, Mapping[str, object]]]: ...


READERS: Mapping[str, Reader] = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json_lines,
}


def reader_of(path: Path) -> Reader | None:
    """Return the reader of a file, or nothing when the ending of its name is not known."""
    return READERS.get(path.suffix.lower())
