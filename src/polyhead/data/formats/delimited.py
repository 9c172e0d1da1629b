"""CSV and TSV: a header, and one row a line; in CSV a quoted cell may go on over several lines."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from polyhead.data.formats.base import NUMBER_AS_TEXT, TEXT_AS_JSON, Cell, DataFile, Losses, Numbered, Record
from polyhead.data.formats.files import LONGEST_LINE, text_lines, writing
from polyhead.data.formats.jsonl import json_bytes
from polyhead.data.formats.shapes import OWN, reads_like_json
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault

SIGNS = ",;\t|"
QUOTE = '"'
QUOTED = re.compile(r'"(?:[^"]|"")*"')


def read_csv(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read comma-separated values; a header of semicolons, tabs or bars says that those separate them.

    Raises:
        DataError: there is no header, two of its columns have one name, or a quote is never closed.
    """
    # The library's limit guards against unclosed quotes; lines are bounded here already.
    csv.field_size_limit(LONGEST_LINE)
    lines = _Numbered(text_lines(file, faults))
    first = next(lines, None)
    if first is None:
        return
    sign = _separator(first, columns=len(file.columns))
    rows = csv.reader(_again(first, lines), delimiter=sign, strict=True)
    begin = 1
    header: list[str] = list(file.columns)
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            if "end of data" in str(error):
                rule = f"every quote must be closed. Found none that closes the row from line {begin} on."
                file.refuse(rule, "All that follows it in the file would be part of one cell.")
            faults.append(file.fault(begin, f"a row must be CSV. Found: {error}.", "Close every quote."))
            begin = lines.number + 1
            continue
        if cells is None:
            return
        if not header:
            header = _header(file, cells)
        elif cells:
            yield from _row(file, faults, (begin, header, cells))
        begin = lines.number + 1


def read_tsv(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read tab-separated values: one row a line; quotes count only where they enclose a whole cell.

    Raises:
        DataError: two columns of the header have one name.
    """
    header: list[str] = list(file.columns)
    for number, line in text_lines(file, faults):
        if not line:
            continue
        cells = [_unquoted(cell) for cell in line.split("\t")]
        if not header:
            header = _header(file, cells)
        else:
            yield from _row(file, faults, (number, header, cells))


def _separator(first: str, *, columns: int) -> str:
    """Choose the sign that separates the cells of the first line.

    Args:
        first: the line.
        columns: how many cells it must have; 0 where it is the header.
    """
    bare = QUOTED.sub("", first)
    fitting = [sign for sign in SIGNS if bare.count(sign) + 1 == columns]
    return fitting[0] if fitting else max(SIGNS, key=bare.count)


class _Numbered:
    """Lines for the csv module, and the number of the newest."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        return line + "\n"


def _again(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _header(file: DataFile, cells: list[str]) -> list[str]:
    repeated = sorted({cell for cell in cells if cells.count(cell) > 1})
    if repeated:
        rule = f"the columns of the header must differ. Found {repeated[0]!r} {cells.count(repeated[0])} times."
        file.refuse(rule, "Name the columns of a file without a header with `columns = […]`.")
    return cells


def _row(file: DataFile, faults: list[Fault], row: tuple[int, list[str], list[str]]) -> Numbered:
    line, header, cells = row
    if len(cells) != len(header):
        faults.append(file.fault(line, f"a row must have {len(header)} cells, as the header. Found {len(cells)}."))
        return
    yield line, {name: Cell(cell) for name, cell in zip(header, cells, strict=True)}


def _unquoted(cell: str) -> str:
    inner = cell[1:-1]
    if len(cell) > 1 and cell[0] == cell[-1] == QUOTE and QUOTE not in inner.replace(QUOTE * 2, ""):
        return inner.replace(QUOTE * 2, QUOTE)
    return cell


def write_csv(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a header and one row a record; lists and objects stand in their cells as JSON."""
    _write(records, path, losses, sign=",")


def write_tsv(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a header and one line a record; tabs and line ends in a cell become spaces."""
    _write(records, path, losses, sign="\t")


def _write(records: Iterable[Record], path: Path, losses: Losses, *, sign: str) -> None:
    with spooled(records) as spool, writing(path) as file:
        file.write(_line(spool.columns, sign, losses))
        for record in spool.records():
            file.write(_line([_cell(name, record.get(name), losses) for name in spool.columns], sign, losses))


def _line(cells: list[str], sign: str, losses: Losses) -> bytes:
    if sign == "\t":
        flat = [" ".join(cell.splitlines()).replace("\t", " ") for cell in cells]
        if flat != cells:
            losses.note("tabs and line ends in a cell become spaces")
        cells = [_quoted(cell) if QUOTE in cell[:1] else cell for cell in flat]
        return ("\t".join(cells) + "\n").encode("utf-8", "replace")
    text = io.StringIO()
    csv.writer(text, delimiter=sign, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _quoted(cell: str) -> str:
    return QUOTE + cell.replace(QUOTE, QUOTE * 2) + QUOTE


def _cell(name: str, value: Any, losses: Losses) -> str:  # noqa: ANN401  whatever a row holds
    if value is None:
        return ""
    if isinstance(value, str):
        if not value and name != "text":
            losses.note("an empty string is read back as absent")
        if name not in OWN and reads_like_json(value):
            losses.note(TEXT_AS_JSON)
        return value
    if isinstance(value, bool | int | float):
        losses.note(NUMBER_AS_TEXT)
        return json.dumps(value)
    return json_bytes(value, losses).decode()
