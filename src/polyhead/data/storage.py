"""Write rows to a file on disk as they are read, and hand them back memory-mapped."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from polyhead.data.columns import FILE, LINE, PAIR, TEXT, TOKENS, Row, column_of, schema_of
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
        self._columns = [(name, column_of(name), task) for name, task in tasks.items()]
        self._labelled_tasks = {name: task for name, task in tasks.items() if isinstance(task, LabelledTask)}
        self._label_counts = {name: Counter[str]() for name in self._labelled_tasks}
        self._files: list[str] = []
        self._optional: tuple[str, ...] = ()
        self._held = self._empty()
        self._characters = 0
        self._paths: list[Path] = []

    def __enter__(self) -> Self:
        try:
            # What is mapped outlives its name in the file system, so no run, not even a killed one, leaves it behind.
            self._folder = TemporaryDirectory(prefix="polyhead-rows-", ignore_cleanup_errors=True)
            self._writer = self._open()
        except OSError as error:
            raise _storage_error(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def _open(self) -> pa.RecordBatchFileWriter:
        self._schema = schema_of(self._tasks, self._optional)
        self._paths.append(Path(self._folder.name) / f"rows-{len(self._paths)}.arrow")
        return pa.ipc.new_file(str(self._paths[-1]), self._schema)

    def _empty(self) -> dict[str, list[Any]]:
        return {name: [] for name in schema_of(self._tasks, self._optional).names}

    def begin_file(self, name: str) -> None:
        """Say which file the next rows come from."""
        self._files.append(name)

    def add(self, line: int, row: Row) -> None:
        """Add one row, which came from a line of the newest file."""
        held, values = self._held, row.values
        held[TEXT].append(row.text)
        held[FILE].append(len(self._files) - 1)
        held[LINE].append(line)
        for name, column, task in self._columns:
            value = values.get(name)
            held[column].append(None if value is None else task.to_column(value))
        for name, task in self._labelled_tasks.items():
            if name in values:
                counter = self._label_counts[name]
                for label in task.labels_in(values[name]):
                    counter[label] += 1
        for name, given in ((PAIR, row.pair), (TOKENS, row.tokens)):
            if name in held:
                held[name].append(given)
            elif given is not None:
                self._widen(name, given)
        self._characters += len(row.text) + len(row.pair or "")
        if len(held[TEXT]) >= ROWS_HELD or self._characters >= CHARACTERS_HELD:
            self._flush()

    def _widen(self, column: str, first: object) -> None:
        """Begin an optional column at the newest row; the rows before it have nothing there."""
        self._optional = (*self._optional, column)
        self._held[column] = [*[None] * (len(self._held[TEXT]) - 1), first]

    def _flush(self) -> None:
        try:
            if len(self._held) > len(self._schema):
                self._writer.close()
                self._writer = self._open()
            columns = [pa.array(self._held[field.name], type=field.type) for field in self._schema]
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
        except OSError as error:
            raise _storage_error(error) from error
        self._held = self._empty()
        self._characters = 0

    def finish(self) -> Rows:
        """Write what is left and open all rows."""
        if self._held[TEXT]:
            self._flush()
        try:
            self._writer.close()
            tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in self._paths]
        except OSError as error:
            raise _storage_error(error) from error
        table = pa.Table.from_batches(
            [_widened(batch, self._schema) for table in tables for batch in table.to_batches()], schema=self._schema
        )
        return Rows(table, files=self._files, tasks=self._tasks, label_counts=self._label_counts)


def _widened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch that was written before an optional column began that column, empty."""
    if len(batch.schema) == len(schema):
        return batch
    columns = [
        batch.column(field.name) if field.name in batch.schema.names else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


def _storage_error(error: OSError) -> StorageError:
    advice = "Free some space, or name another folder in the environment variable TMPDIR."
    return StorageError(f"rows must be kept in a temporary folder while they are used. Found: {error}. {advice}")
