"""Records kept on disk while their columns are found out: some formats name all columns before the first row."""

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import BinaryIO

from polyhead.data.formats.base import Losses, Record
from polyhead.data.formats.jsonl import json_bytes


@dataclass(frozen=True, slots=True)
class Spool:
    """Records on disk, to be read as often as needed.

    Args:
        columns: all their columns, in the order in which they first occur.
        file: one JSON object a line.
    """

    columns: list[str]
    file: BinaryIO

    def records(self) -> Iterator[Record]:
        """Go through the records from the first; one pass at a time."""
        self.file.seek(0)
        return (json.loads(line) for line in self.file)


@contextmanager
def spooled(records: Iterable[Record]) -> Generator[Spool]:
    """Keep records on disk as long as the context lasts."""
    columns: dict[str, None] = {}
    with TemporaryFile(prefix="polyhead-convert-") as file:
        for record in records:
            columns |= dict.fromkeys(record)
            file.write(json_bytes(record, Losses()) + b"\n")
        yield Spool(list(columns), file)
