"""The rows of one split, kept in Arrow on disk and turned into Python objects only when they are asked for."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from polyhead.data.columns import FILE, LINE, PAIR, TEXT, TOKENS, column_of
from polyhead.spans import Booleans, Integers
from polyhead.tasks.base import LabelledTask, Task
from polyhead.text.tokens import Passage


class Rows:
    """The rows of a split: texts, and a value for each task that a row is labelled for.

    Rows are numbered from 0. The table is a memory-mapped file: ten million rows take no more memory than their places.

    Args:
        table: one row a row, as `data.storage` writes it.
        files: the names of the files that the rows come from.
        tasks: the tasks whose values the table holds.
        label_counts: how often each label occurs, by task.
        picked: the rows of the table that count; all when absent.
    """

    def __init__(
        self,
        table: pa.Table,
        *,
        files: Sequence[str],
        tasks: Mapping[str, Task],
        label_counts: Mapping[str, Counter[str]],
        picked: Integers | None = None,
    ) -> None:
        self.tasks = dict(tasks)
        self._table = table
        self._files = tuple(files)
        self._label_counts = label_counts
        self._picked = picked
        self._chunks: dict[str, list[pa.Array]] = {name: table.column(name).chunks for name in table.column_names}
        sizes = [len(chunk) for chunk in self._chunks[TEXT]]
        self._starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.labelled = self._labelled()

    def __len__(self) -> int:
        return self._table.num_rows if self._picked is None else len(self._picked)

    def _labelled(self) -> Booleans:
        """Tell which row is labelled for which task, shape `(rows, tasks)`; tasks in the order of the recipe."""
        every = np.zeros((self._table.num_rows, len(self.tasks)), dtype=bool)
        for number, task in enumerate(self.tasks):
            for start, chunk in zip(self._starts, self._chunks[column_of(task)], strict=False):
                every[start : start + len(chunk), number] = chunk.is_valid().to_numpy(zero_copy_only=False)
        return every if self._picked is None else every[self._picked]

    def texts(self, indices: Sequence[int] | Integers) -> list[str]:
        """Return the texts of some rows, in the order asked."""
        return self._cells(TEXT, indices)

    def values(self, task: str, indices: Sequence[int] | Integers) -> list[Any | None]:
        """Return a task's values of some rows, in the order asked; nothing where a row is not labelled for it."""
        from_column = self.tasks[task].from_column
        return [None if cell is None else from_column(cell) for cell in self._cells(column_of(task), indices)]

    def pairs(self, indices: Sequence[int] | Integers) -> list[str | None]:
        """Return the second texts of some rows (`text_pair`), in the order asked; nothing where there is none."""
        return self._cells(PAIR, indices) if PAIR in self._chunks else [None] * len(indices)

    def passages(self, indices: Sequence[int] | Integers) -> list[Passage]:
        """Return some rows as the encoder reads them, in the order asked."""
        parts = zip(self.texts(indices), self.pairs(indices), self.tokens(indices), strict=True)
        return [Passage(text, pair, tokens) for text, pair, tokens in parts]

    def tokens(self, indices: Sequence[int] | Integers) -> list[Integers | None]:
        """Return the borders of the tokens that came with some rows, in the order asked.

        Returns:
            Code points `[start, end)` in the text, shape `(tokens, 2)`; nothing where a row came without tokens.
        """
        if TOKENS not in self._chunks:
            return [None] * len(indices)
        cells = self._cells(TOKENS, indices)
        return [None if cell is None else np.array(cell, dtype=np.int64).reshape(-1, 2) for cell in cells]

    def place(self, index: int) -> str:
        """Say where a row comes from, as `file:line`."""
        (file,), (line,) = self._cells(FILE, [index]), self._cells(LINE, [index])
        return f"{self._files[file]}:{line}"

    def counts(self, task: str) -> Counter[str]:
        """Count each label of a task, the most frequent first; empty for a task without labels."""
        return Counter(dict(self._label_counts.get(task, Counter[str]()).most_common()))

    def iterate(self, batch: int = 1024) -> Iterator[range]:
        """Cut the rows into ranges of at most `batch` rows, which `texts` and `values` read fastest."""
        for start in range(0, len(self), batch):
            yield range(start, min(start + batch, len(self)))

    def only(self, kept: Sequence[int] | Integers) -> "Rows":
        """Return some of the rows, in their order, numbered anew; nothing is copied on disk."""
        dropped = np.ones(len(self), dtype=bool)
        dropped[np.asarray(kept, dtype=np.int64)] = False
        return self.without(np.flatnonzero(dropped))

    def for_task(self, name: str) -> "Rows":
        """Return the rows that are labelled for a task, as if there were no other; nothing is copied on disk."""
        kept = np.flatnonzero(self.labelled[:, list(self.tasks).index(name)])
        picked = kept if self._picked is None else self._picked[kept]
        tasks, counts = {name: self.tasks[name]}, {name: self.counts(name)}
        return Rows(self._table, files=self._files, tasks=tasks, label_counts=counts, picked=picked)

    def files(self) -> tuple[str, ...]:
        """Name the files that the rows come from, in the order of the first row of each."""
        return tuple(self._files[number] for number in dict.fromkeys(self._cells(FILE, range(len(self)))))

    def without(self, dropped: Sequence[int] | Integers) -> "Rows":
        """Return the rows less some of them, numbered anew; nothing is copied on disk."""
        kept = np.ones(len(self), dtype=bool)
        kept[np.asarray(dropped, dtype=np.int64)] = False
        counts = {task: Counter(counter) for task, counter in self._label_counts.items()}
        for name, task in self.tasks.items():
            if isinstance(task, LabelledTask):
                gone = [value for value in self.values(name, np.flatnonzero(~kept)) if value is not None]
                counts[name] -= Counter(label for value in gone for label in task.labels_in(value))
        picked = np.flatnonzero(kept) if self._picked is None else self._picked[kept]
        return Rows(self._table, files=self._files, tasks=self.tasks, label_counts=counts, picked=picked)

    def _cells(self, column: str, indices: Sequence[int] | Integers) -> list[Any]:
        if isinstance(indices, range) and indices.step == 1 and self._picked is None:
            return self._slice(column, indices)
        wanted = np.asarray(indices, dtype=np.int64)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= len(self)):
            raise self._out_of_range(wanted)
        stored = wanted if self._picked is None else self._picked[wanted]
        chunk_numbers = np.searchsorted(self._starts, stored, side="right") - 1
        offsets = stored - self._starts[chunk_numbers]
        # Arrow's own `take` first joins all chunks of a column, which costs more than the rest of a training step.
        chunks = self._chunks[column]
        places = zip(chunk_numbers.tolist(), offsets.tolist(), strict=True)
        return [chunks[number][offset].as_py() for number, offset in places]

    def _slice(self, column: str, indices: range) -> list[Any]:
        if len(indices) and not 0 <= indices.start < indices.stop <= len(self):
            raise self._out_of_range(np.array([indices.start, indices.stop - 1]))
        return self._table.column(column).slice(indices.start, len(indices)).to_pylist()

    def _out_of_range(self, wanted: Integers) -> IndexError:
        return IndexError(f"`indices` must lie in [0, {len(self)}). Found {wanted.min()} to {wanted.max()}.")
