"""Look a recipe's data over before a model is trained on it: what is wrong, what is odd, and what is there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from polyhead.data.alignment import misaligned_rows
from polyhead.data.dataset import Dataset, read_dataset
from polyhead.data.duplicates import repeated_texts
from polyhead.data.rows import Rows
from polyhead.errors import Fault, did_you_mean
from polyhead.tasks.base import LabelledTask
from polyhead.text.tokens import TextTokenizer

if TYPE_CHECKING:
    from polyhead.recipe import Recipe

Level = Literal["fault", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that `polyhead check` has to say.

    Args:
        level: a `fault` keeps training from starting; a `warning` does not.
        where: `file:line`, or a dotted path in the recipe.
        rule: what should hold, and what was found.
        advice: what to do about it; empty when the rule says it all.
    """

    level: Level
    where: str
    rule: str
    advice: str


@dataclass(frozen=True, slots=True)
class TaskTable:
    """What there is to learn a task from.

    Args:
        kind: the task's kind.
        rows: labelled rows, by split.
        labels: how often each label occurs, by label, then by split; empty for tasks without labels.
    """

    kind: str
    rows: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found, and what is there.

    Args:
        findings: faults first, then warnings.
        rows: rows by split, those labelled for nothing included.
        tasks: a table for each task.
    """

    findings: tuple[Finding, ...]
    rows: Mapping[str, int]
    tasks: Mapping[str, TaskTable]

    @property
    def faults(self) -> int:
        """Count what keeps training from starting."""
        return sum(finding.level == "fault" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain Python values, ready for `json.dumps`."""
        return {
            "faults": self.faults,
            "warnings": len(self.findings) - self.faults,
            "findings": [asdict(finding) for finding in self.findings],
            "rows": dict(self.rows),
            "tasks": {name: asdict(table) for name, table in self.tasks.items()},
        }


def inspect(recipe: "Recipe", tokenizer: TextTokenizer | None = None) -> Report:
    """Look over all rows of a recipe.

    Args:
        recipe: the recipe.
        tokenizer: the encoder's tokenizer, for the words that spans must keep to; those of the text when absent.

    Raises:
        StorageError: the temporary folder is full or may not be written.
    """
    dataset, faults = read_dataset(recipe)
    splits = dataset.splits()
    misaligned = [fault for rows in splits.values() for _, fault in misaligned_rows(rows, tokenizer=tokenizer)]
    skips = recipe.on_bad_rows == "skip"
    findings = [
        *_findings("fault", faults),
        *_findings("warning" if skips else "fault", [*dataset.skipped, *misaligned]),
        *_findings("warning", _oddities(dataset)),
    ]
    return Report(
        findings=tuple(sorted(findings, key=lambda finding: finding.level != "fault")),
        rows={split: len(rows) for split, rows in splits.items()},
        tasks={name: _table(name, dataset) for name in dataset.tasks},
    )


def _findings(level: Level, faults: Iterable[Fault]) -> Iterator[Finding]:
    return (Finding(level, fault.where, fault.rule, fault.advice) for fault in faults)


def _oddities(dataset: Dataset) -> Iterator[Fault]:
    for name in dataset.tasks:
        yield from _label_oddities(name, dataset)
        yield from _split_oddities(name, dataset)
    yield from repeated_texts(dataset.splits())


def _label_oddities(task: str, dataset: Dataset) -> Iterator[Fault]:
    trained = dataset.train.counts(task)
    once = [label for label, count in trained.items() if count == 1]
    for label, place in _first_places(dataset.train, task, once).items():
        hint = did_you_mean(label, trained.keys() - {label}) or "."
        rule = f"{task}: a label should occur more than once in train. Found {label!r} once{hint}"
        yield Fault(place, rule, "Correct the label, or add rows that bear it.")
    record = dataset.tasks[task]
    declared = record.labels if isinstance(record, LabelledTask) and record.labels else ()
    for label in declared:
        if trained and label not in trained:
            rule = f"{task}: a label should occur in train. Found {label!r} in no row."
            yield Fault(f"tasks.{task}.labels", rule, "Add rows that bear it, or remove it.")


def _split_oddities(task: str, dataset: Dataset) -> Iterator[Fault]:
    trained = dataset.train.counts(task)
    number = list(dataset.tasks).index(task)
    for split, rows in dataset.splits().items():
        if split == "train":
            continue
        if split == "dev" and not rows.labelled[:, number].any():
            yield _no_dev_rows(task)
        counts = rows.counts(task)
        unknown = [label for label in counts if label not in trained] if trained else []
        for label, place in _first_places(rows, task, unknown).items():
            rule = f"{task}: a label of {split} should occur in train. Found {label!r} {_times(counts[label])}."
            yield Fault(place, rule, "It can only be answered wrongly: add training rows that bear it.")
    if dataset.dev is None:
        yield _no_dev_rows(task)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _no_dev_rows(task: str) -> Fault:
    rule = f"{task}: a task should have labelled dev rows. Found none."
    return Fault("data.dev", rule, "Without them the task takes no part in the choice of the best epoch.")


def _first_places(rows: Rows, task: str, labels: Iterable[str]) -> dict[str, str]:
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


def _table(task: str, dataset: Dataset) -> TaskTable:
    splits, record = dataset.splits(), dataset.tasks[task]
    number = list(dataset.tasks).index(task)
    counts = {split: rows.counts(task) for split, rows in splits.items()}
    declared = record.labels if isinstance(record, LabelledTask) and record.labels else ()
    labels = dict.fromkeys([*declared, *(label for counter in counts.values() for label in counter)])
    return TaskTable(
        kind=record.kind,
        rows={split: int(rows.labelled[:, number].sum()) for split, rows in splits.items()},
        labels={label: {split: counts[split][label] for split in splits} for label in labels},
    )
