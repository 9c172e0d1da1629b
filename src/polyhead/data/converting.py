"""From any format to any other."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from polyhead.data.formats.base import Cell, Choices, Losses, Record
from polyhead.data.formats.choice import FORMATS
from polyhead.data.formats.shapes import spans_in
from polyhead.data.reading import records_of
from polyhead.errors import DataError, Fault, StorageError, UsageError, did_you_mean

if TYPE_CHECKING:
    from polyhead.recipe import DataSource

TEXTS = ("text", "text_pair")
"""Columns that are never read as anything else."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a file.

    Args:
        rows: the rows that were written.
        losses: how many rows lost something, by what the new format cannot hold.
    """

    rows: int
    losses: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the columns mean where the old format does not say it.

    Args:
        spans: columns of tags to be written as spans of characters.
        numbers: columns of text to be written as numbers.
    """

    spans: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


def convert(source: "DataSource", output: Path, form: str, *, meaning: Meaning | None = None) -> Converted:
    """Write the rows of one file in another format; the new file appears when it is whole.

    Args:
        source: the file; `fields` gives its columns other names.
        output: the new file or folder, which must not exist.
        form: the format to write, a key of `FORMATS`.
        meaning: what its columns mean.

    Raises:
        UsageError: the output exists, or `fields` names a column that no row has, or one twice.
        DataError: rows cannot be read or written so; every fault is listed, and nothing is written.
        StorageError: the output cannot be written.
    """
    if output.exists():
        message = f"{output} must not exist: nothing is ever written over. Name another file."
        raise UsageError(message)
    several = _looked_through(source)
    losses, count = Losses(), Counter[str]()
    partial = output.with_name(f".{output.name}.partial{''.join(output.suffixes)}")
    _remove(partial)
    try:
        records = (record for _, record in records_of(source, folder=Path(), faults=[]))
        meant = (_meant(record, source.fields, meaning or Meaning(), several=several) for record in records)
        FORMATS[form].writer(_counted(meant, count), partial, losses)
        partial.rename(output)
    except (OverflowError, UnicodeEncodeError) as error:
        rule = f"the format {form} must be able to hold every value. Found {error}."
        title = f"{source.path} was not converted"
        raise DataError(title, [Fault(source.path, rule)]) from error
    except OSError as error:
        message = f"{output}: it cannot be written. Found: {error.strerror or error}."
        raise StorageError(message) from error
    finally:
        _remove(partial)
    return Converted(count["rows"], dict(losses.counts.most_common()))


def _looked_through(source: "DataSource") -> frozenset[str]:
    """Go through a file before anything is written; return the columns in which a row has no or several choices."""
    faults: list[Fault] = []
    several: set[str] = set()
    columns: dict[str, None] = {}
    for _, record in records_of(source, folder=Path(), faults=faults):
        columns |= dict.fromkeys(record)
        several |= {name for name, value in record.items() if isinstance(value, Choices) and len(value) != 1}
    if faults:
        title = f"{source.path} was not converted"
        raise DataError(title, faults)
    _refuse_fields(source.fields, list(columns))
    return frozenset(several)


def _refuse_fields(fields: Mapping[str, str], columns: Sequence[str]) -> None:
    """Refuse new names of columns that are not there, and new names that another column has already."""
    for name, column in fields.items():
        if column not in columns:
            found = f"Found {column!r}{did_you_mean(column, columns)}"
            message = f"`--field` must name a column: {', '.join(map(repr, columns))}. {found}"
            raise UsageError(message)
        if name != column and name in columns and name not in fields.values():
            advice = f"Give the old one another name, too: `--field old_{name}={name}`."
            message = f"`--field {name}={column}` must not name a column that is there. Found {name!r}. {advice}"
            raise UsageError(message)


def _counted(records: Iterator[Record], count: Counter[str]) -> Iterator[Record]:
    for record in records:
        count["rows"] += 1
        yield record


def _meant(record: Record, fields: Mapping[str, str], meaning: Meaning, *, several: frozenset[str]) -> dict[str, Any]:
    """Give the columns our names, and their values the types that they mean."""
    ours = {column: name for name, column in fields.items()}
    named: dict[str, Any] = {}
    for column, value in record.items():
        single = isinstance(value, Choices) and column not in several
        named[ours.get(column, column)] = value[0] if single else value
    for name, value in named.items():
        if isinstance(value, Cell):
            named[name] = _text(value, named) if name in TEXTS else _typed(value, number=name in meaning.numbers)
        elif name in meaning.spans:
            spans = spans_in(value, named)
            named[name] = value if spans is None else spans
    return {name: value for name, value in named.items() if value is not None}


def _text(cell: Cell, record: Record) -> str | None:
    """Return a text; an empty one is there only where nothing else is the text of the row."""
    return str(cell) if cell or (record.get("text") is cell and not record.get("tokens")) else None


def _typed(cell: Cell, *, number: bool) -> object:
    """Return what a cell of a format without types holds: lists and objects, numbers where asked for, else text."""
    if not cell:
        return None
    if number or cell[0] in "[{":
        with suppress(ValueError, RecursionError):
            return json.loads(cell)
    return str(cell)


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)
