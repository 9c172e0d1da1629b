"""How a row lies in an Arrow table: its text, its place, and a column for each task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from polyhead.tasks.base import Task

TEXT = "text"
FILE = "file"
LINE = "line"
PAIR = "text_pair"
TOKENS = "tokens"
OPTIONAL: Mapping[str, pa.DataType] = {PAIR: pa.string(), TOKENS: pa.list_(pa.int32())}
"""Columns that a table has only when a row fills them; borders of tokens lie flat: start, end, start, end, …"""


@dataclass(slots=True)
class Row:
    """One row that was found good.

    Args:
        text: the text.
        values: the normal value of each task that it is labelled for.
        pair: the second text, for tasks about two.
        tokens: code points of the tokens that came with the text, flat: start, end, start, end, …
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pair: str | None = None
    tokens: Sequence[int] | None = None


def column_of(task: str) -> str:
    """Name the column of a task's values; no task's name can make it one of the other columns."""
    return f"task.{task}"


def schema_of(tasks: Mapping[str, Task], optional: Sequence[str] = ()) -> pa.Schema:
    """Return the columns of a table that holds rows for these tasks, and some of the optional columns."""
    own = [(TEXT, pa.string()), (FILE, pa.int32()), (LINE, pa.int64())]
    given = [(name, OPTIONAL[name]) for name in OPTIONAL if name in optional]
    return pa.schema([*own, *given, *((column_of(name), task.column_type()) for name, task in tasks.items())])
