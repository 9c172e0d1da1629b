"""doccano: JSON Lines with `label` as a list of labels, or of `[start, end, label]`; also its `entities`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from polyhead.data.formats.base import Choices, DataFile, Losses, Numbered, Record
from polyhead.data.formats.jsonl import read_json_lines, write_json_lines
from polyhead.data.formats.roles import Roles, note_apart, roles_of
from polyhead.data.formats.shapes import OWN, choices_in, columns_of, spans_in, text_of
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault

SPANS, LABELS = "entities", "label"
TRIPLE = 3


def read_doccano(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read rows with their spans in `entities` and the labels of the text in `label`."""
    for line, item in read_json_lines(file, faults):
        name = next((key for key in (LABELS, "labels") if key in item), "")
        record: dict[str, Any] = {key: value for key, value in item.items() if key not in {name, SPANS}}
        if "data" in record and "text" not in record:
            record["text"] = record.pop("data")
        value: Any = item.get(name)
        if is_triples(value):
            record[SPANS] = [{"start": start, "end": end, "label": label} for start, end, label in value]
            if name in file.wanted:
                record[name] = record[SPANS]
        elif value is not None:
            labels = choices_in(value)
            record[LABELS] = value if labels is None else Choices(labels)
        if isinstance(item.get(SPANS), list):
            record[SPANS] = [_span(span) for span in item[SPANS]]
        elif item.get(SPANS) is not None:
            record[SPANS] = item[SPANS]
        yield line, record


def is_triples(value: object) -> bool:
    """Tell whether a value is a list of `[start, end, label]`; an empty list says that there are no spans."""
    items = cast("list[Any]", value) if isinstance(value, list) else [None]
    return all(isinstance(item, list) and len(cast("list[Any]", item)) == TRIPLE for item in items)


def _span(span: Any) -> Any:  # noqa: ANN401  what is no span is told later, with its place
    if isinstance(span, dict) and "start_offset" in span:
        return {"start": span["start_offset"], "end": span.get("end_offset"), "label": span.get("label")}
    return span


def write_doccano(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a column of spans as `label`, or else one of labels; other columns stay as they are."""
    with spooled(records) as spool:
        roles = roles_of(spool.records(), spans=SPANS, labels=LABELS)
        write_json_lines((_item(record, roles, losses) for record in spool.records()), path, losses)


def _item(record: Record, roles: Roles, losses: Losses) -> Record:
    columns = columns_of(record)
    item: dict[str, Any] = {"text": text_of(record)} | {name: record[name] for name in OWN[1:] if record.get(name)}
    spans = spans_in(columns.get(roles.spans), record)
    labels = None if roles.spans else choices_in(columns.get(roles.labels))
    if spans is not None:
        columns.pop(roles.spans)
        item[LABELS] = [[span["start"], span["end"], span["label"]] for span in spans]
        _note(roles.spans, SPANS, losses)
    elif labels is not None:
        columns.pop(roles.labels)
        item[LABELS] = labels
        _note(roles.labels, LABELS, losses)
        if not labels:
            losses.note(f"{roles.labels}: an empty list is read back as no entities")
    elif not roles.spans:
        note_apart(columns, roles, losses)
    if LABELS in columns:
        losses.note(f"{LABELS}: there is one column of this name only")
    return item | {name: value for name, value in columns.items() if name not in item}


def _note(name: str, called: str, losses: Losses) -> None:
    if name != called:
        losses.note(f"{name}: read back as {called!r}")
