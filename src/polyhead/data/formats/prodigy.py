"""Prodigy: JSON Lines with `spans`, `label` and `accept`, and what the annotator answered."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from polyhead.data.formats.base import Choices, DataFile, Losses, Numbered, Record
from polyhead.data.formats.jsonl import read_json_lines, write_json_lines
from polyhead.data.formats.roles import Roles, note_apart, roles_of
from polyhead.data.formats.shapes import borders_of, choices_in, columns_of, spans_in, text_of
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault

SPANS, LABELS = "entities", "label"
INNER = ("spans", "accept", "options", "answer", "label", "tokens", "meta")


def read_prodigy(file: DataFile, faults: list[Fault]) -> Numbered:
    """Read what was accepted: spans in `entities`, labels of the text in `label`.

    What was ignored is left out. A rejected label is kept as one that the text has not: `{"yes": [], "no": [label]}`
    in `labels`; other rejected rows keep their text only.
    """
    for line, item in read_json_lines(file, faults):
        answer = item.get("answer", "accept")
        if answer == "ignore":
            continue
        outer = {name: value for name, value in item.items() if name not in INNER and not name.startswith("_")}
        record: dict[str, Any] = outer
        tokens = item.get("tokens")
        if isinstance(tokens, list):
            texts = [token.get("text") if isinstance(token, dict) else token for token in cast("list[Any]", tokens)]
            # Line ends and runs of spaces are tokens there, but no words.
            record["tokens"] = [text for text in texts if not isinstance(text, str) or text.strip()]
        if answer == "accept":
            record |= _accepted(item, file.wanted)
        elif isinstance(item.get("label"), str):
            record["labels"] = {"yes": [], "no": [item["label"]]}
        yield line, record


def _accepted(item: Record, wanted: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    spans: Any = item.get("spans")
    # What is neither a list nor a label is left for the task to refuse, with its place.
    if isinstance(spans, list):
        kept = ("start", "end", "label")
        found[SPANS] = [{key: span.get(key) for key in kept} if isinstance(span, dict) else span for span in spans]
    elif spans is not None:
        found[SPANS] = spans
    if item.get("accept") is not None:
        found[LABELS] = Choices(item["accept"]) if isinstance(item["accept"], list) else item["accept"]
    elif item.get("label") is not None:
        found[LABELS] = item["label"]
        if "labels" in wanted:
            found["labels"] = {"yes": [item["label"]], "no": []}
    return found | ({"spans": found[SPANS]} if "spans" in wanted and SPANS in found else {})


def write_prodigy(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a column of spans as `spans` and one of labels as `accept`; others stay as they are."""
    with spooled(records) as spool:
        roles = roles_of(spool.records(), spans=SPANS, labels=LABELS)
        write_json_lines((_item(record, roles, losses) for record in spool.records()), path, losses)


def _item(record: Record, roles: Roles, losses: Losses) -> Record:
    columns, text = columns_of(record), text_of(record)
    item: dict[str, Any] = {"text": text}
    borders = borders_of(record)
    places = list(zip(borders[::2], borders[1::2], strict=True))
    if "tokens" in record:
        item["tokens"] = [
            {"text": text[start:end], "start": start, "end": end, "id": number}
            for number, (start, end) in enumerate(places)
        ]
    if record.get("text_pair") is not None:
        item["text_pair"] = record["text_pair"]
    spans, labels = spans_in(columns.get(roles.spans), record), choices_in(columns.get(roles.labels))
    if spans is not None:
        item["spans"] = [{key: span[key] for key in ("start", "end", "label")} for span in spans]
        columns.pop(roles.spans)
        _note(roles.spans, SPANS, losses)
    if labels is not None:
        item["accept"] = labels
        columns.pop(roles.labels)
        _note(roles.labels, LABELS, losses)
    else:
        note_apart(columns, roles, losses)
    lost = [name for name in columns if name in INNER or name.startswith("_")]
    for name in lost:
        losses.note(f"{name}: the name means something else there")
    return item | {name: value for name, value in columns.items() if name not in lost} | {"answer": "accept"}


def _note(name: str, called: str, losses: Losses) -> None:
    if name != called:
        losses.note(f"{name}: read back as {called!r}")
