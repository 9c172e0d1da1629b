"""Mend what can be mended without a doubt: the new rows go to a new file, and the old one stays as it is."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from polyhead.data.formats.base import Losses, Record
from polyhead.data.formats.choice import FORMATS, format_of
from polyhead.data.formats.files import PACKED
from polyhead.data.forms import is_composed
from polyhead.data.reading import records_of
from polyhead.errors import DataError, Fault, StorageError, UsageError

if TYPE_CHECKING:
    from polyhead.recipe import DataSource

TRIMMED = "white space at the edge of a span"
COMPOSED = "texts brought to the normal form NFC"
DROPPED = "rows that repeat another in every field"


@dataclass(frozen=True, slots=True)
class Mended:
    """What was mended in one file.

    Args:
        output: the new file; absent when there was nothing to mend.
        counts: how often each thing was mended.
    """

    output: Path | None
    counts: Mapping[str, int]


def mend(source: "DataSource", *, folder: Path) -> Mended:
    """Write a file beside the old one, `name.fixed.ending`, without the faults that can be mended safely.

    White space at the edges of spans is left out of them, texts are brought to the normal form NFC with their spans
    moved along, and rows that are equal in every field are kept once. Everything else stays as it is.

    Raises:
        UsageError: the new file exists.
        DataError: the file holds lines that are no rows, which a new file would lose.
        StorageError: the new file cannot be written.
    """
    path, counts = folder / source.path, Counter[str]()
    form = source.format or format_of(path)
    if form is None or FORMATS[form].is_folder or not path.is_file():
        return Mended(None, {})
    for _ in _mended(source, folder, counts):
        pass
    if not counts:
        return Mended(None, {})
    output = path.with_name(fixed_name(path.name))
    if output.exists():
        message = f"{output} must not exist: nothing is ever written over. Move it away."
        raise UsageError(message)
    try:
        FORMATS[form].writer(_mended(source, folder, Counter()), output, Losses())
    except OSError as error:
        message = f"{output}: it cannot be written. Found: {error.strerror or error}."
        raise StorageError(message) from error
    return Mended(output, counts)


def fixed_name(name: str) -> str:
    """Name the new file of a file: `.fixed` before its endings."""
    path = Path(name)
    ending = "".join(path.suffixes[-2:]) if path.suffix in PACKED else path.suffix
    return f"{name.removesuffix(ending)}.fixed{ending}"


def _mended(source: "DataSource", folder: Path, counts: Counter[str]) -> Iterator[Record]:
    faults: list[Fault] = []
    seen: set[int] = set()
    text = source.fields.get("text", "text")
    for _, record in records_of(source, folder=folder, faults=faults):
        new = _trimmed(record, text, counts)
        new = _composed(new, text, counts)
        mark = hash(repr(sorted(new.items())))
        if mark in seen:
            counts[DROPPED] += 1
        else:
            seen.add(mark)
            yield new
    if faults:
        title = f"{source.path} was not fixed: these lines would be lost"
        raise DataError(title, faults)


def _spans(value: object) -> list[dict[str, Any]] | None:
    if not isinstance(value, list) or not value:
        return None
    items = cast("list[Any]", value)
    whole = all(
        isinstance(i, dict) and isinstance(i.get("start"), int) and isinstance(i.get("end"), int) for i in items
    )
    return items if whole else None


def _trimmed(record: Record, column: str, counts: Counter[str]) -> Record:
    text = record.get(column)
    if not isinstance(text, str):
        return record
    new = dict(record)
    for name, value in record.items():
        spans = _spans(value)
        if spans is not None:
            new[name] = [_without_edges(span, text, counts) for span in spans]
    return new


def _without_edges(span: dict[str, Any], text: str, counts: Counter[str]) -> dict[str, Any]:
    start, end = span["start"], span["end"]
    covered = text[start:end] if 0 <= start < end <= len(text) else ""
    if not covered.strip() or covered == covered.strip():
        return span
    counts[TRIMMED] += 1
    start += len(covered) - len(covered.lstrip())
    said = {"text": covered.strip()} if span.get("text") in {covered, covered.strip()} else {}
    return {**span, "start": start, "end": start + len(covered.strip()), **said}


def _composed(record: Record, column: str, counts: Counter[str]) -> Record:
    text = record.get(column)
    # Tokens and tags of a row belong to its text as it is.
    if not isinstance(text, str) or is_composed(text) or "tokens" in record:
        return record
    new = {**record, column: _nfc(text)}
    for name, value in record.items():
        spans = _spans(value)
        if spans is None:
            continue
        moved = [_moved(span, text) for span in spans]
        if None in moved:
            return record
        new[name] = moved
    counts[COMPOSED] += 1
    return new


def _moved(span: dict[str, Any], text: str) -> dict[str, Any] | None:
    """Move a span to where its text is in normal form C; nothing where its edge is within a character."""
    start, end = span["start"], span["end"]
    before, covered = _nfc(text[:start]), _nfc(text[start:end])
    if before + covered + _nfc(text[end:]) != _nfc(text):
        return None
    said = {"text": covered} if "text" in span else {}
    return {**span, "start": len(before), "end": len(before) + len(covered), **said}


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
