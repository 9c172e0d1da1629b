"""All rows that a recipe names, checked as a whole before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from polyhead.data.reading import RowsRead, read_rows
from polyhead.data.rows import Rows
from polyhead.data.splitting import split_rows
from polyhead.errors import DataError, Fault
from polyhead.tasks._weighting import WeightedTask
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

    def for_task(self, name: str) -> Self:
        """Return the rows that are labelled for a task, as if there were no other; a split without any is absent."""
        parts = {split: rows.for_task(name) for split, rows in self.splits().items()}
        dev, test = (part if (part := parts.get(split)) else None for split in ("dev", "test"))
        tasks = {name: self.tasks[name]}
        return replace(self, train=parts["train"], dev=dev, test=test, tasks=tasks, skipped=())


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
    faults: list[Fault] = []
    if recipe.data.split is not None:
        shares = {"dev": recipe.data.split.dev, "test": recipe.data.split.test}
        parts = split_rows(train.rows, shares, seed=recipe.training.seed)
        wanted = [name for name in parts if shares.get(name, 1.0)]
        faults += _starved({name: parts[name] for name in wanted}, rows=len(train.rows))
        train = replace(train, rows=parts["train"])
        dev, test = (RowsRead(parts[name], (), ()) if name in wanted else None for name in ("dev", "test"))
    trained = _trained_labels(train.rows, recipe.tasks)
    if recipe.data.dev:
        # Labels of a file that could not be read are not known: dev rows are then judged by nothing.
        known = {} if train.file_faults else trained
        dev = read_rows(recipe.data.dev, recipe.tasks, folder=recipe.folder, trained_labels=known)
    if recipe.data.test:
        # A test row may name a label that was never trained: no model can answer it, and the score shall say so.
        test = read_rows(recipe.data.test, recipe.tasks, folder=recipe.folder)
    reads = {name: read for name, read in {"train": train, "dev": dev, "test": test}.items() if read is not None}
    skipped: list[Fault] = []
    for name, read in reads.items():
        faults += read.file_faults
        if recipe.on_bad_rows == "skip":
            skipped += read.faults
            faults += emptied({name: read.rows}, read.faults) if read.faults and not read.file_faults else []
        else:
            faults += read.faults
    if not train.file_faults:
        faults += task_faults(train.rows, recipe.tasks)
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
    """Fill in the labels; a task whose weights name others stays as it is, which is a fault of its own."""

    def filled(name: str, task: Task) -> Task:
        if not isinstance(task, LabelledTask) or name not in trained:
            return task
        wrong = isinstance(task, WeightedTask) and task.unknown_weights(trained[name])
        return task if wrong else task.with_labels(trained[name])

    return {name: filled(name, task) for name, task in tasks.items()}


def _starved(parts: Mapping[str, Rows], *, rows: int) -> list[Fault]:
    """Say which parts of rows got none of them."""
    found = f"Found {rows} row{'s' * (rows != 1)} in all."
    starved = [name for name, part in parts.items() if rows and not len(part)]
    return [Fault("data.split", f"the shares must leave a row for `{name}`. {found}") for name in starved]


def emptied(splits: Mapping[str, Rows], skipped: Sequence[Fault]) -> list[Fault]:
    """Say which splits have no row left, which the faults of the rows that were skipped would not."""
    found = f"Found faults in all {len({fault.where for fault in skipped}):,} rows."
    rule = f"the split must have a good row. {found}"
    return [Fault(f"data.{name}", rule) for name, rows in splits.items() if not len(rows)]


def task_faults(train: Rows, tasks: Mapping[str, Task]) -> list[Fault]:
    """Say which tasks cannot be trained on these rows; of no rows at all, nothing."""
    if not len(train):
        return []
    faults: list[Fault] = []
    observed = train.labelled.sum(axis=0).tolist()
    for (name, task), rows in zip(tasks.items(), observed, strict=True):
        where = f"tasks.{name}"
        if not rows:
            rule = f"a task must have a labelled training row. Found none in {len(train):,} rows."
            faults.append(Fault(where, rule, "Name its column in `fields` of `data.train`, or remove the task."))
        elif isinstance(task, LabelledTask) and task.labels is None and not train.counts(name):
            rule = f"labels must be declared or occur in the training rows. Found none in {rows:,} labelled rows."
            faults.append(Fault(where, rule, f"Declare them in `{where}.labels`."))
        elif isinstance(task, LabelledTask) and task.labels is None and len(train.counts(name)) < task.fewest_labels:
            (only,) = train.counts(name)
            rule = (
                f"labels must be {task.fewest_labels} or more, declared or in the training rows. Found {only!r} alone."
            )
            faults.append(Fault(where, rule, f"Declare them in `{where}.labels`."))
        elif isinstance(task, WeightedTask) and task.labels is None:
            faults += (Fault(f"{where}.class_weights", rule) for rule in task.unknown_weights(train.counts(name)))
    return faults
