"""What a value of a row may mean to a task, where its format has no types or writes spans as tags."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from polyhead.data.alignment import SpanTask
from polyhead.data.columns import Row
from polyhead.data.formats.base import Cell, Choices
from polyhead.data.formats.tags import are_chunk_tags, spans_of_tags
from polyhead.tasks.base import Task

Read = Callable[[object, Row, list[str]], Any]


def reading_of(task: Task) -> Read:
    """Return what reads a task's values: `(value, row, problems)` to the normal value, or nothing."""
    of_spans = isinstance(task, SpanTask)

    def read(value: object, row: Row, problems: list[str]) -> Any:  # noqa: ANN401  each kind of task has its own
        if type(value) not in SPECIAL and not (of_spans and type(value) is list):
            return task.read(value, row.text, problems)
        first: list[str] | None = None
        for meaning in _meanings(value, row, of_spans=of_spans):
            found: list[str] = []
            read_value = task.read(meaning, row.text, found)
            if not found:
                return read_value
            first = first or found
        problems += first or ()
        return None

    return read


SPECIAL = (Cell, Choices)


def _meanings(value: object, row: Row, *, of_spans: bool) -> Iterator[object]:
    """Go through what a value may mean, the likeliest first."""
    if isinstance(value, Cell):
        found = _json_of(value)
        if isinstance(found, list | dict):
            # Such a cell was never meant as a label.
            value = cast("object", found)
        else:
            yield str(value)
            yield from () if found is None else (found,)
            return
    elif isinstance(value, Choices):
        yield list(value)
        yield from value if len(value) == 1 else ()
        return
    if of_spans and are_chunk_tags(value) and row.tokens is not None:
        tags = cast("Sequence[str]", value)
        if len(tags) == len(row.tokens) // 2:
            value = spans_of_tags(tags, row.tokens, row.text)
    yield value


def _json_of(cell: str) -> object:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None
