"""Look a recipe's data over before a model is trained on it: what is wrong, what is odd, and what is there."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from polyhead.data.alignment import SpanTask, misaligned_rows
from polyhead.data.dataset import Dataset, read_dataset
from polyhead.data.duplicates import repeated_texts
from polyhead.data.label_oddities import odd_labels
from polyhead.data.length_table import LengthTable, Measured, length_table, measure_sample
from polyhead.data.rows import Rows
from polyhead.data.text_oddities import odd_texts
from polyhead.errors import Fault
from polyhead.tasks.base import LabelledTask
from polyhead.text.tokens import TextTokenizer

if TYPE_CHECKING:
    from polyhead.recipe import Recipe

Level = Literal["fault", "warning"]
ALIGNED_ROWS = 50_000
"""Rows of a split that are held to the tokenizer's words; larger splits are held to the words of their texts."""

MakeTokenizer = Callable[[Rows], TextTokenizer]
"""Makes a tokenizer for the training rows: that of the built-in encoder is made of their texts."""


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
        imbalance: how many times more often the most frequent label of train occurs than the least frequent one.
        lengths: how long its texts are.
    """

    kind: str
    rows: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    imbalance: float | None
    lengths: LengthTable


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found, and what is there.

    Args:
        findings: faults first, then warnings.
        rows: rows by split, those labelled for nothing included.
        tasks: a table for each task.
        measured_in: what lengths are counted in.
        max_tokens: tokens that the encoder reads in one pass.
        aligned_by_text: splits with so many rows that their spans were held to the words of the texts, not to the
            tokenizer's.
    """

    findings: tuple[Finding, ...]
    rows: Mapping[str, int]
    tasks: Mapping[str, TaskTable]
    measured_in: Literal["tokens", "words"]
    max_tokens: int
    aligned_by_text: tuple[str, ...] = ()

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
            "measured_in": self.measured_in,
            "max_tokens": self.max_tokens,
            "aligned_by_text": list(self.aligned_by_text),
            "tasks": {name: asdict(table) for name, table in self.tasks.items()},
        }


def inspect(recipe: "Recipe", tokenizer: TextTokenizer | MakeTokenizer | None = None) -> Report:
    """Look over all rows of a recipe.

    Args:
        recipe: the recipe.
        tokenizer: the encoder's tokenizer, or what makes it, for lengths and for the words that spans must keep to;
            the words of the texts when absent.

    Raises:
        StorageError: the temporary folder is full or may not be written.
    """
    dataset, faults = read_dataset(recipe)
    splits = dataset.splits()
    if tokenizer is not None and not isinstance(tokenizer, TextTokenizer):
        tokenizer = tokenizer(dataset.train) if len(dataset.train) else None
    skips = recipe.on_bad_rows == "skip"
    findings = [
        *_findings("fault", faults),
        *_findings("warning" if skips else "fault", [*dataset.skipped, *_misaligned(splits, tokenizer)]),
        *_findings("warning", odd_labels(dataset)),
        *_findings("warning", repeated_texts(splits)),
        *_findings("warning", odd_texts(splits)),
    ]
    limit = recipe.encoder.max_tokens if tokenizer is None else tokenizer.max_tokens
    measured = {split: measure_sample(rows, tokenizer) for split, rows in splits.items()}
    return Report(
        findings=tuple(sorted(findings, key=lambda finding: finding.level != "fault")),
        rows={split: len(rows) for split, rows in splits.items()},
        tasks={name: _table(name, dataset, measured, limit=limit) for name in dataset.tasks},
        measured_in="words" if tokenizer is None else "tokens",
        max_tokens=limit,
        aligned_by_text=() if tokenizer is None else _aligned_by_text(splits),
    )


def _findings(level: Level, faults: Iterable[Fault]) -> Iterator[Finding]:
    return (Finding(level, fault.where, fault.rule, fault.advice) for fault in faults)


def _aligned_by_text(splits: Mapping[str, Rows]) -> tuple[str, ...]:
    return tuple(
        split
        for split, rows in splits.items()
        if len(rows) > ALIGNED_ROWS and any(isinstance(task, SpanTask) for task in rows.tasks.values())
    )


def _misaligned(splits: Mapping[str, Rows], tokenizer: TextTokenizer | None) -> Iterator[Fault]:
    for rows in splits.values():
        used = tokenizer if len(rows) <= ALIGNED_ROWS else None
        yield from (fault for _, fault in misaligned_rows(rows, tokenizer=used))


def _table(task: str, dataset: Dataset, measured: Mapping[str, Measured], *, limit: int) -> TaskTable:
    splits, record = dataset.splits(), dataset.tasks[task]
    number = list(dataset.tasks).index(task)
    counts = {split: rows.counts(task) for split, rows in splits.items()}
    declared = record.labels if isinstance(record, LabelledTask) and record.labels else ()
    labels = dict.fromkeys([*declared, *(label for counter in counts.values() for label in counter)])
    trained = counts["train"].values()
    return TaskTable(
        kind=record.kind,
        rows={split: int(rows.labelled[:, number].sum()) for split, rows in splits.items()},
        labels={label: {split: counts[split][label] for split in splits} for label in labels},
        imbalance=max(trained) / min(trained) if trained else None,
        lengths=length_table(measured, splits, number, limit=limit),
    )
