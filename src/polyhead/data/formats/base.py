"""What every format has: a file to read, rows with places out of it, and a report of what it could not hold."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

from polyhead.errors import DataError, Fault

Record = Mapping[str, Any]
"""A row as a file has it: `text`, `tokens` or both, perhaps `text_pair`, and its other columns."""

Numbered = Iterator[tuple[int, Record]]
"""Records, each with its line in the file, or its number where the file has no lines; both from 1."""


NUMBER_AS_TEXT = "a number is read back as text, which a task that asks for a number takes all the same"
"""What formats without types lose."""


TEXT_AS_JSON = "a text that reads like a list or an object is read back as one"
"""The same, of what is meant as it stands."""


class Cell(str):
    """A value from a format without types: a string, and perhaps JSON that a task asks for."""

    __slots__ = ()


class Choices(list[str]):
    """Labels chosen in an annotation tool; where there is one, it may be meant as a single label."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A file (or a folder, or a data set of the hub) to read rows from.

    Args:
        path: where it is.
        name: what faults call it.
        columns: names of its columns, for formats without a header.
        split: the part of a data set that has several.
        subset: the configuration of a data set that has several.
        wanted: names of columns that the recipe asks for.
    """

    path: Path
    name: str
    columns: tuple[str, ...] = ()
    split: str | None = None
    subset: str | None = None
    wanted: frozenset[str] = frozenset()

    def fault(self, line: int, rule: str, advice: str = "") -> Fault:
        """Say what is wrong with one of its lines."""
        return Fault(f"{self.name}:{line}", rule, advice)

    def refuse(self, rule: str, advice: str = "") -> NoReturn:
        """Say that it cannot be read as a whole.

        Raises:
            DataError: with this one fault.
        """
        title = f"{self.name} cannot be read"
        raise DataError(title, [Fault(self.name, rule, advice)])


@dataclass(slots=True)
class Losses:
    """Counts what a format could not hold.

    Args:
        counts: rows, by what they lost.
    """

    counts: Counter[str] = field(default_factory=Counter[str])

    def note(self, loss: str) -> None:
        """Count one row that lost something; the sentence says what."""
        self.counts[loss] += 1


class Reader(Protocol):
    """Reads one format: yields the place of each record in the file and its fields.

    What is no record is added to `faults`, and reading goes on. `DataError` says that the file as a whole is of
    another format; `OSError` that it cannot be read.
    """

    def __call__(self, file: DataFile, faults: list[Fault]) -> Numbered: ...


class Writer(Protocol):
    """Writes records to a path in one format, and notes in `losses` what that cannot hold."""

    def __call__(self, records: Iterable[Record], path: Path, losses: Losses) -> None: ...
