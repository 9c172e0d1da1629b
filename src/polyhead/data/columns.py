"""How a row lies in an Arrow table: its text, its place, and a column for each task."""

from collections.abc import Mapping

import pyarrow as pa

from polyhead.tasks.base import Task

TEXT = "text"
FILE = "file"
LINE = "line"


def column_of(task: str) -> str:
    """Name the column of a task's values; no task's name can make it one of the other columns."""
    return f"task.{task}"


def schema_of(tasks: Mapping[str, Task]) -> pa.Schema:
    """Return the columns of a table that holds rows for these tasks."""
    own = [(TEXT, pa.string()), (FILE, pa.int32()), (LINE, pa.int64())]
    return pa.schema([*own, *((column_of(name), task.column_type()) for name, task in tasks.items())])
