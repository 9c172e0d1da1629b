"""What the columns of a record hold, told by their values: formats without columns must know."""

import json
from collections.abc import Mapping
from typing import Any, cast

from polyhead.data.alignment import words_of
from polyhead.data.formats.base import Losses, Record
from polyhead.data.formats.tags import are_chunk_tags, spans_of_tags, tags_of_spans
from polyhead.text.given_tokens import joined, located

OWN = ("text", "tokens", "text_pair")


def text_of(record: Record) -> str:
    """Return the text of a record, made of its tokens where it has no other."""
    text = record.get("text")
    return text if isinstance(text, str) else " ".join(map(str, record.get("tokens") or ()))


def borders_of(record: Record) -> list[int]:
    """Return the flat borders of a record's tokens; those of its words where it came without tokens."""
    text, tokens = record.get("text"), record.get("tokens")
    if isinstance(tokens, list) and all(isinstance(token, str) for token in cast("list[object]", tokens)):
        place = located(cast("list[str]", tokens), text) if isinstance(text, str) else joined(tokens)[1]
        if not isinstance(place, str):
            return place
    (words,) = words_of([text_of(record)])
    return [int(border) for border in words.ravel()]


def columns_of(record: Record) -> dict[str, Any]:
    """Return what a record holds beside its text: no absent values."""
    return {name: value for name, value in record.items() if name not in OWN and value is not None}


def spans_in(value: object, record: Record) -> list[dict[str, Any]] | None:
    """Return the spans that a value holds, as such or as one tag a token; nothing when it holds no spans."""
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)
    if all(isinstance(item, Mapping) and "start" in item and "end" in item for item in items):
        text = text_of(record)
        return [_span(item, text) for item in items]
    borders = borders_of(record)
    if are_chunk_tags(items) and len(items) == len(borders) // 2:
        return spans_of_tags(items, borders, text_of(record))
    return None


def _span(item: Mapping[str, Any], text: str) -> dict[str, Any]:
    start, end = item["start"], item["end"]
    return {"start": start, "end": end, "label": item.get("label", item.get("type")), "text": text[start:end]}


def tags_in(name: str, value: object, record: Record, losses: Losses) -> list[str] | None:
    """Return the tags of a record's tokens that a value holds, as such or as spans."""
    borders = borders_of(record)
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    if value != [] and items and len(items) == len(borders) // 2 and all(isinstance(item, str) for item in items):
        return items if "tokens" in record else None
    spans = spans_in(value, record)
    tags = None if spans is None else tags_of_spans(spans, borders)
    if spans is not None and tags is None:
        losses.note(f"{name}: spans that overlap or cut a token in two")
    return tags


def reads_like_json(text: str) -> bool:
    """Tell whether a text would be taken for a list or an object where values have no types."""
    if text[:1] not in {"[", "{"}:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def choices_in(value: object) -> list[str] | None:
    """Return the labels that a value holds; nothing when it holds something else."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value)):
        return cast("list[str]", value)
    return None


def tokens_of(record: Record) -> list[str]:
    """Return the tokens of a record; its words where it came without."""
    text, borders = text_of(record), borders_of(record)
    return [text[start:end] for start, end in zip(borders[::2], borders[1::2], strict=True)]
