"""Read the files of a split into rows: every bad row is left out and named, and every file is read to its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from polyhead.data.checking import AllowedLabels, RowCheck
from polyhead.data.formats import READERS, reader_of
from polyhead.data.rows import Rows
from polyhead.data.storage import RowsWriter
from polyhead.errors import DataError, Fault, did_you_mean
from polyhead.tasks.base import LabelledTask, Task

if TYPE_CHECKING:
    from polyhead.recipe import DataSource


@dataclass(frozen=True, slots=True)
class RowsRead:
    """What reading a split gave.

    Args:
        rows: the good rows.
        faults: what is wrong with the rows that were left out; a row may have several.
        file_faults: what is wrong with whole files; no row can be left out to mend it.
    """

    rows: Rows
    faults: tuple[Fault, ...]
    file_faults: tuple[Fault, ...]


def read_rows(
    sources: Sequence["DataSource"],
    tasks: Mapping[str, Task],
    *,
    folder: Path,
    trained_labels: Mapping[str, Sequence[str]] | None = None,
) -> RowsRead:
    """Read the rows of a split into a memory-mapped file, in bounded memory.

    Args:
        sources: the files, in order.
        tasks: the tasks of the recipe; a row may be labelled for any of them.
        folder: where relative paths start.
        trained_labels: for tasks that declare no labels, those of the training rows; rows may have no others.

    Raises:
        StorageError: the temporary folder is full or may not be written.
    """
    allowed = _allowed_labels(tasks, trained_labels or {})
    faults: list[Fault] = []
    file_faults: list[Fault] = []
    with RowsWriter(tasks) as writer:
        for source in sources:
            check = RowCheck(source.path, source.fields, tasks=tasks, allowed=allowed)
            file_faults += _read_file(source.path, folder=folder, check=check, writer=writer)
            faults += check.faults
        return RowsRead(writer.finish(), tuple(faults), tuple(file_faults))


def _read_file(name: str, *, folder: Path, check: RowCheck, writer: RowsWriter) -> Sequence[Fault]:
    path = folder / name
    reader = reader_of(path)
    try:
        if not path.is_file():
            return [_no_file(name, path)]
        if reader is None:
            rule = f"a data file must end in {', '.join(READERS)}. Found {path.suffix or 'no ending'!r}."
            return [Fault(name, rule, "Bring it to JSON Lines: one JSON object on each line.")]
        writer.begin_file(name)
        for line, record in reader(path, name=name, faults=check.faults):
            row = check.row(line, record)
            if row is not None:
                writer.add(line, *row)
    except DataError as error:
        return error.faults
    except OSError as error:
        return [Fault(name, f"the file must be readable. Found: {error.strerror or error}.")]
    return check.finish()


def _no_file(name: str, path: Path) -> Fault:
    if path.is_dir():
        return Fault(name, "a data file must be a file. Found a folder.", "Name the files in it one by one.")
    siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, siblings) or "."
    return Fault(name, f"the file must exist. Found nothing at {str(path)!r}{hint}")


def _allowed_labels(tasks: Mapping[str, Task], trained_labels: Mapping[str, Sequence[str]]) -> dict[str, AllowedLabels]:
    allowed: dict[str, AllowedLabels] = {}
    for name, task in tasks.items():
        key = f"`tasks.{name}.labels`"
        if isinstance(task, LabelledTask) and task.labels is not None:
            advice = f"Correct the row, or add the label to {key}."
            allowed[name] = AllowedLabels(frozenset(task.labels), key, advice)
        elif name in trained_labels:
            advice = f'Declare it in {key}, or leave such rows out with `on_bad_rows = "skip"`.'
            allowed[name] = AllowedLabels(frozenset(trained_labels[name]), "the labels of the training rows", advice)
    return allowed
