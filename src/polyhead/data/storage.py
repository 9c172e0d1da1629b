"""Write rows to a file on disk as they are read, and hand them back memory-mapped."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from polyhead.data.columns import FILE, LINE, TEXT, column_of, schema_of
from polyhead.data.rows import Rows
from polyhead.errors import StorageError
from polyhead.tasks.base import LabelledTask, Task

ROWS_HELD = 10_000
CHARACTERS_HELD = 16 * 2**20
"""Arrow's strings address two gigabytes a batch, and memory must stay flat for long texts too."""


class RowsWriter:
    """Takes rows one by one and keeps only the newest in memory; a context manager.

    Args:
        tasks: the tasks whose values the rows hold.

    Raises:
        StorageError: the temporary folder is full or may not be written.
    """

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self._tasks = dict(tasks)
        self._schema = schema_of(tasks)
        self._labelled_tasks = {name: task for name, task in tasks.items() if isinstance(task, LabelledTask)}
        self._label_counts = {name: Counter[str]() for name in self._labelled_tasks}
        self._files: list[str] = []
        self._held: dict[str, list[Any]] = {name: [] for name in self._schema.names}
        self._characters = 0

    def __enter__(self) -> Self:
        try:
            # What is mapped outlives its name in the file system, so no run, not even a killed one, leaves it behind.
            self._folder = TemporaryDirectory(prefix="polyhead-rows-", ignore_cleanup_errors=True)
            self._path = Path(self._folder.name) / "rows.arrow"
            self._writer = pa.ipc.new_file(str(self._path), self._schema)
        except OSError as error:
            raise _storage_error(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def begin_file(self, name: str) -> None:
        """Say which file the next rows come from."""
        self._files.append(name)

    def add(self, line: int, text: str, values: Mapping[str, Any]) -> None:
        """Add one row; `values` holds the normal value of each task that it is labelled for."""
        held = self._held
        held[TEXT].append(text)
        held[FILE].append(len(self._files) - 1)
        held[LINE].append(line)
        for name, task in self._tasks.items():
            value = values.get(name)
            held[column_of(name)].append(None if value is None else task.to_column(value))
        for name, task in self._labelled_tasks.items():
            if name in values:
                counter = self._label_counts[name]
                for label in task.labels_in(values[name]):
                    counter[label] += 1
        self._characters += len(text)
        if len(held[TEXT]) >= ROWS_HELD or self._characters >= CHARACTERS_HELD:
            self._flush()

    def _flush(self) -> None:
        columns = [pa.array(self._held[field.name], type=field.type) for field in self._schema]
        try:
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        except OSError as error:
            raise _storage_error(error) from error
        self._held = {name: [] for name in self._schema.names}
        self._characters = 0

    def finish(self) -> Rows:
        """Write what is left and open all rows."""
        if self._held[TEXT]:
            self._flush()
        try:
            self._writer.close()
            table = pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()
        except OSError as error:
            raise _storage_error(error) from error
        return Rows(table, files=self._files, tasks=self._tasks, label_counts=self._label_counts)


def _storage_error(error: OSError) -> StorageError:
    advice = "Free some space, or name another folder in the environment variable TMPDIR."
    return StorageError(f"rows must be kept in a temporary folder while they are used. Found: {error}. {advice}")
