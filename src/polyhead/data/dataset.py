"""All rows that a recipe names, checked as a whole before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from polyhead.data.reading import RowsRead, read_rows
from polyhead.data.rows import Rows
from polyhead.data.splitting import split_rows
from polyhead.errors import DataError, Fault
from polyhead.tasks.base import LabelledTask, Task

if TYPE_CHECKING:
    from polyhead.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The rows of a recipe.

    Args:
        train: the training rows.
        dev: the rows that pick the best epoch; absent when the recipe names none.
        test: the rows that are judged at the end; absent when the recipe names none.
        tasks: the tasks of the recipe with their labels filled in; labels read off the training rows are sorted.
        skipped: what is wrong with the rows that `on_bad_rows = "skip"` left out; a row may have several faults.
    """

    train: Rows
    dev: Rows | None
    test: Rows | None
    tasks: Mapping[str, Task]
    skipped: tuple[Fault, ...]

    def splits(self) -> dict[str, Rows]:
        """Return the splits that are there, by name."""
        named = {"train": self.train, "dev": self.dev, "test": self.test}
        return {name: rows for name, rows in named.items() if rows is not None}


def load_dataset(recipe: "Recipe") -> Dataset:
    """Read all rows of a recipe, or none.

    Raises:
        DataError: files, rows or tasks are at fault; it holds all the faults of all the splits.
        StorageError: the temporary folder is full or may not be written.
    """
    dataset, faults = read_dataset(recipe)
    if faults:
        title = "the data cannot be trained on"
        raise DataError(title, faults)
    return dataset


def read_dataset(recipe: "Recipe") -> tuple[Dataset, tuple[Fault, ...]]:
    """Read what can be read of a recipe's rows, and return all that is wrong beside it."""
    train = read_rows(recipe.data.train, recipe.tasks, folder=recipe.folder)
    dev = test = None
    if recipe.data.split is not None:
        shares = {"dev": recipe.data.split.dev, "test": recipe.data.split.test}
        parts = split_rows(train.rows, shares, seed=recipe.training.seed)
        train = replace(train, rows=parts["train"])
        dev, test = (RowsRead(parts[name], (), ()) if shares[name] else None for name in ("dev", "test"))
    trained = _trained_labels(train.rows, recipe.tasks)
    if recipe.data.dev:
        # Labels of a file that could not be read are not known: dev rows are then judged by nothing.
        known = {} if train.file_faults else trained
        dev = read_rows(recipe.data.dev, recipe.tasks, folder=recipe.folder, trained_labels=known)
    if recipe.data.test:
        # A test row may name a label that was never trained: no model can answer it, and the score shall say so.
        test = read_rows(recipe.data.test, recipe.tasks, folder=recipe.folder)
    reads = {name: read for name, read in {"train": train, "dev": dev, "test": test}.items() if read is not None}
    faults: list[Fault] = []
    skipped: list[Fault] = []
    for name, read in reads.items():
        faults += read.file_faults
        if recipe.on_bad_rows == "skip":
            skipped += read.faults
            faults += _emptied(name, read)
        else:
            faults += read.faults
    if not train.file_faults:
        faults += _task_faults(train, recipe.tasks)
    dataset = Dataset(
        train=train.rows,
        dev=dev.rows if dev else None,
        test=test.rows if test else None,
        tasks=_with_labels(recipe.tasks, trained),
        skipped=tuple(skipped),
    )
    return dataset, tuple(faults)


def _trained_labels(train: Rows, tasks: Mapping[str, Task]) -> dict[str, Sequence[str]]:
    """Read off the training rows the labels of tasks that declare none; a task without labelled rows is left out."""
    without = [name for name, task in tasks.items() if isinstance(task, LabelledTask) and task.labels is None]
    return {name: labels for name in without if (labels := sorted(train.counts(name)))}


def _with_labels(tasks: Mapping[str, Task], trained: Mapping[str, Sequence[str]]) -> dict[str, Task]:
    return {
        name: task.with_labels(trained[name]) if isinstance(task, LabelledTask) and name in trained else task
        for name, task in tasks.items()
    }


def _emptied(split: str, read: RowsRead) -> list[Fault]:
    """Say that no row of a split is left, which its skipped faults alone would not."""
    if len(read.rows) or read.file_faults:
        return []
    rule = f"the split must have a good row. Found faults in all {len({fault.where for fault in read.faults}):,} rows."
    return [Fault(f"data.{split}", rule)]


def _task_faults(train: RowsRead, tasks: Mapping[str, Task]) -> list[Fault]:
    if not len(train.rows):
        return []
    faults: list[Fault] = []
    observed = train.rows.labelled.sum(axis=0).tolist()
    for (name, task), rows in zip(tasks.items(), observed, strict=True):
        where = f"tasks.{name}"
        if not rows:
            rule = f"a task must have a labelled training row. Found none in {len(train.rows):,} rows."
            faults.append(Fault(where, rule, "Name its column in `fields` of `data.train`, or remove the task."))
        elif isinstance(task, LabelledTask) and task.labels is None and not train.rows.counts(name):
            rule = f"labels must be declared or occur in the training rows. Found none in {rows:,} labelled rows."
            faults.append(Fault(where, rule, f"Declare them in `{where}.labels`."))
    return faults
