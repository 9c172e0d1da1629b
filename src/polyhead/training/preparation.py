"""What happens to rows before anything is trained on them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from polyhead.data.alignment import misaligned_rows
from polyhead.data.dataset import Dataset, emptied, task_faults
from polyhead.data.rows import Rows
from polyhead.errors import DataError, Fault
from polyhead.text.tokens import Passage, TextTokenizer


def prepared(data: Dataset) -> Dataset:
    """Give each task what must be known of its training values before it is trained."""

    def values(name: str) -> Iterator[Any]:
        for indices in data.train.iterate():
            yield from (value for value in data.train.values(name, indices) if value is not None)

    return replace(data, tasks={name: task.prepared(values(name)) for name, task in data.tasks.items()})


def aligned(data: Dataset, tokenizer: TextTokenizer | None, *, skip: bool) -> Dataset:
    """Check that entities begin and end where words do; rows where they do not stop training or are left out.

    Args:
        data: the rows.
        tokenizer: the tokenizer of the encoder; words are told by the texts alone when absent.
        skip: whether rows are left out.
    """
    found = {name: list(misaligned_rows(rows, tokenizer=tokenizer)) for name, rows in data.splits().items()}
    faults = tuple(fault for of in found.values() for _, fault in of)
    if faults and not skip:
        title = "the data cannot be trained on"
        raise DataError(title, faults)
    kept = {name: rows.without([row for row, _ in found[name]]) for name, rows in data.splits().items() if found[name]}
    skipped = data.skipped + faults
    if lacking := [*emptied(kept, skipped), *_newly_lacking(kept.get("train", data.train), data)]:
        title = "the data cannot be trained on"
        raise DataError(title, [*lacking, *skipped])
    return replace(data, **kept, skipped=skipped) if kept else data


def _newly_lacking(train: Rows, data: Dataset) -> list[Fault]:
    """Say which tasks have lost all that they could be trained on."""
    before = {fault.where for fault in task_faults(data.train, data.tasks)}
    return [fault for fault in task_faults(train, data.tasks) if fault.where not in before]


def passages_of(rows: Rows) -> Iterator[Passage | str]:
    """Yield everything that training reads at once: rows, and the sides of rows that are read apart."""
    for indices in rows.iterate():
        passages = rows.passages(indices)
        yield from passages
        for name, task in rows.tasks.items():
            for passage, value in zip(passages, rows.values(name, indices), strict=True):
                yield from () if value is None else task.sides(passage.text, passage.pair, value)


def texts_of(rows: Rows) -> Iterator[str]:
    """Yield every text that training reads, second texts and the sides of rows included."""
    for indices in rows.iterate():
        passages = rows.passages(indices)
        for passage in passages:
            yield from (passage.text,) if passage.pair is None else (passage.text, passage.pair)
        for name, task in rows.tasks.items():
            for passage, value in zip(passages, rows.values(name, indices), strict=True):
                yield from () if value is None else task.sides(passage.text, passage.pair, value)[1:]
