"""Read the files of a split into rows: every bad row is left out and named, and every file is read to its end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polyhead.data.checking import AllowedLabels, RowCheck
from polyhead.data.formats.base import DataFile, Record
from polyhead.data.formats.choice import FORMATS, format_of, may_be_hub_id
from polyhead.data.formats.files import UNPACKING_ERRORS
from polyhead.data.rows import Rows
from polyhead.data.storage import RowsWriter
from polyhead.errors import DataError, Fault, did_you_mean
from polyhead.tasks.base import LabelledTask, Task
from polyhead.text.tokens import Passage

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
            file_faults += _read_file(source, folder=folder, check=check, writer=writer)
            faults += check.faults
        return RowsRead(writer.finish(), tuple(faults), tuple(file_faults))


def records_of(source: "DataSource", *, folder: Path, faults: list[Fault]) -> Iterator[tuple[int, Record]]:
    """Read the records of a file, folder or data set as they stand, each with its line or number.

    Raises:
        DataError: it is absent, or none of the formats that there are.
        OSError: it cannot be read.
    """
    path = folder / source.path
    named = source.format == "huggingface" or (source.format is None and may_be_hub_id(source.path))
    hub = named and not path.exists()
    if not hub and not path.exists():
        raise _refused(_no_file(source.path, path))
    form = "huggingface" if hub else source.format or format_of(path)
    if form is None:
        raise _refused(_no_format(source.path, path))
    if path.is_dir() != FORMATS[form].is_folder and not hub:
        held = "a folder" if path.is_dir() else "a file"
        raise _refused(Fault(source.path, f"the format {form} is {FORMATS[form].place}. Found {held}."))
    file = DataFile(
        path=path,
        name=source.path,
        columns=source.columns or (),
        split=source.split,
        subset=source.subset,
        wanted=frozenset(source.fields.values()),
    )
    return FORMATS[form].reader(file, faults)


def passages_of(source: "DataSource", *, folder: Path) -> Iterator[Passage]:
    """Read what a model reads of a file: texts, second texts and given tokens, without a look at labels.

    Raises:
        DataError: it is absent, or none of the formats that there are.
        OSError: it cannot be read.
    """
    check = RowCheck(source.path, source.fields, tasks={}, allowed={})
    for line, record in records_of(source, folder=folder, faults=[]):
        row = check.row(line, record)
        if row is not None:
            tokens = None if row.tokens is None else np.array(row.tokens, dtype=np.int64).reshape(-1, 2)
            yield Passage(row.text, row.pair, tokens)


def _read_file(source: "DataSource", *, folder: Path, check: RowCheck, writer: RowsWriter) -> Sequence[Fault]:
    name = source.path
    try:
        records = records_of(source, folder=folder, faults=check.faults)
        writer.begin_file(name)
        for line, record in records:
            row = check.row(line, record)
            if row is not None:
                writer.add(line, row)
    except DataError as error:
        return error.faults
    except OSError as error:
        return [Fault(name, f"the file must be readable. Found: {error.strerror or error}.")]
    except UNPACKING_ERRORS as error:
        return [Fault(name, f"the packed file must be whole. Found: {error}.", "Pack it again.")]
    return check.finish()


def _refused(fault: Fault) -> DataError:
    return DataError(f"{fault.where} cannot be read", [fault])


def _no_format(name: str, path: Path) -> Fault:
    if path.is_dir():
        rule = "a folder must hold `seq.in`, or a data set that `save_to_disk` wrote. Found neither."
        return Fault(name, rule, "Name the files in it one by one.")
    endings = ", ".join(ending for form in FORMATS.values() for ending in form.endings)
    rule = f"a data file must end in {endings}, or be told by `format`. Found {path.suffix or 'no ending'!r}."
    return Fault(name, rule, f"Give the source `format = …`: one of {', '.join(FORMATS)}.")


def _no_file(name: str, path: Path) -> Fault:
    siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = did_you_mean(path.name, siblings)
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
