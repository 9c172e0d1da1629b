"""Find labels that are seldom, or that no model can learn because training rows lack them."""

from collections.abc import Iterable, Iterator

from polyhead.data.dataset import Dataset
from polyhead.data.rows import Rows
from polyhead.errors import Fault, did_you_mean
from polyhead.tasks.base import LabelledTask

FEW = 5
"""Fewer training rows than this hardly teach a label."""


def odd_labels(dataset: Dataset) -> Iterator[Fault]:
    """Go through the labels of every task that training rows hardly bear, and the splits without labels of a task."""
    for name in dataset.tasks:
        yield from _seldom(name, dataset)
        yield from _untrained(name, dataset)


def _seldom(task: str, dataset: Dataset) -> Iterator[Fault]:
    trained = dataset.train.counts(task)
    few = [label for label, count in trained.items() if count < FEW]
    for label, place in first_places(dataset.train, task, few).items():
        hint = did_you_mean(label, trained.keys() - {label}) if trained[label] == 1 else "."
        rule = f"{task}: a label should occur {FEW} times or more in train. Found {label!r} {_times(trained[label])}"
        yield Fault(place, rule + hint, "Correct the label, or add rows that bear it.")
    record = dataset.tasks[task]
    declared = record.labels if isinstance(record, LabelledTask) and record.labels else ()
    for label in declared:
        if trained and label not in trained:
            rule = f"{task}: a label should occur in train. Found {label!r} in no row."
            yield Fault(f"tasks.{task}.labels", rule, "Add rows that bear it, or remove it.")


def _untrained(task: str, dataset: Dataset) -> Iterator[Fault]:
    trained = dataset.train.counts(task)
    number = list(dataset.tasks).index(task)
    for split, rows in dataset.splits().items():
        if split == "train":
            continue
        if split == "dev" and not rows.labelled[:, number].any():
            yield _no_dev_rows(task)
        counts = rows.counts(task)
        unknown = [label for label in counts if label not in trained] if trained else []
        for label, place in first_places(rows, task, unknown).items():
            rule = f"{task}: a label of {split} should occur in train. Found {label!r} {_times(counts[label])}."
            yield Fault(place, rule, "It can only be answered wrongly: add training rows that bear it.")
    if dataset.dev is None:
        yield _no_dev_rows(task)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _no_dev_rows(task: str) -> Fault:
    rule = f"{task}: a task should have labelled dev rows. Found none."
    advice = "Without them the task takes no part in the choice of the best epoch. `split = { dev = 0.1 }` makes some."
    return Fault("data.dev", rule, advice)


def first_places(rows: Rows, task: str, labels: Iterable[str]) -> dict[str, str]:
    """Find the first row of each of some labels."""
    record = rows.tasks[task]
    wanted, places = set(labels), dict[str, str]()
    if not wanted or not isinstance(record, LabelledTask):
        return places
    for batch in rows.iterate():
        for index, value in zip(batch, rows.values(task, batch), strict=True):
            for label in wanted.intersection(record.labels_in(value)) if value is not None else ():
                places[label] = rows.place(index)
                wanted.remove(label)
        if not wanted:
            break
    return places
