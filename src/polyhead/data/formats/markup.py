"""Inline markup: one text a line, `[Paris](LOC)` where something is labelled, and a backslash before plain signs."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.files import text_lines, writing
from polyhead.data.formats.roles import roles_of
from polyhead.data.formats.shapes import spans_in, text_of
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault

SPANS = "entities"
PIECE = re.compile(r"\[((?:[^\[\]\\]|\\.)+)\]\(([^()\s\[\]][^()\[\]]*)\)|\\([\[\]()\\])|(.)", re.DOTALL)
"""A labelled stretch, a sign taken as it is, or any other character."""

ESCAPED = re.compile(r"\\([\[\]()\\])")
SIGNS = re.compile(r"[\[\]\\]")


def read_markup(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read the texts of a file, without their markup, and what it labels in `entities`; empty lines are skipped."""
    for number, line in text_lines(file, faults):
        if line.strip():
            yield number, _record(line)


def _record(line: str) -> dict[str, Any]:
    parts: list[str] = []
    spans: list[dict[str, Any]] = []
    length = 0
    for piece in PIECE.finditer(line):
        covered, label, escaped, plain = piece.groups()
        part = ESCAPED.sub(r"\1", covered) if covered else escaped or plain
        if covered:
            spans.append({"start": length, "end": length + len(part), "label": label, "text": part})
        parts.append(part)
        length += len(part)
    return {"text": "".join(parts), SPANS: spans}


def write_markup(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a column of spans; it cannot hold labels of the text, nor spans that overlap."""
    with spooled(records) as spool, writing(path) as file:
        name = roles_of(spool.records(), spans=SPANS, labels="").spans
        for record in spool.records():
            spans = spans_in(record.get(name), record)
            _note(record, "" if spans is None else name, losses)
            line = _marked(text_of(record), spans or [], losses)
            if len(line.splitlines()) > 1:
                losses.note("line ends within a text become spaces")
            file.write(" ".join(line.splitlines()).encode("utf-8", "replace") + b"\n")


def _note(record: Record, spans: str, losses: Losses) -> None:
    for name in record.keys() - {spans, "text"}:
        if record[name] is not None:
            losses.note(f"{name}: there is no place for it")
    if spans not in {"", SPANS}:
        losses.note(f"{spans}: read back as {SPANS!r}")
    if not spans:
        losses.note("a row without spans is read back as one without entities")
    if not text_of(record).strip():
        losses.note("an empty text has no line")


def _marked(text: str, spans: list[dict[str, Any]], losses: Losses) -> str:
    parts: list[str] = []
    done = 0
    for span in sorted(spans, key=lambda span: (span["start"], -span["end"])):
        start, end, label = span["start"], span["end"], str(span["label"])
        if start < done or re.search(r"[()\[\]]", label):
            losses.note("a span that overlaps another, or a label with brackets")
            continue
        parts += _plain(text[done:start]), f"[{_plain(text[start:end])}]({label})"
        done = end
    return "".join([*parts, _plain(text[done:])])


def _plain(text: str) -> str:
    return SIGNS.sub(r"\\\g<0>", text)
