"""Data sets of Hugging Face: a folder that `save_to_disk` wrote, or an id of the hub; classes by name."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyhead.data.formats.base import DataFile, Losses, Numbered, Record
from polyhead.data.formats.parquet import BATCH, arrow_batch, batches_of, records_of, schema_of_records
from polyhead.data.formats.spooling import spooled
from polyhead.errors import Fault, MissingExtraError, did_you_mean

Naming = Callable[[Any], Any]
"""Turns the numbers of classes in a value into their names."""

MARKS = ("state.json", "dataset_dict.json")
"""Files that `save_to_disk` writes."""


def is_dataset_folder(path: Path) -> bool:
    """Tell whether a folder was written by `save_to_disk`."""
    return any((path / mark).is_file() for mark in MARKS)


def read_dataset_rows(file: DataFile, faults: list[Fault]) -> Numbered:  # noqa: ARG001  a data set is whole or absent
    """Read the rows of a data set by their numbers, from 1.

    Raises:
        DataError: there is no such data set, or it has several splits and none of them is named.
        MissingExtraError: the `datasets` package is not installed.
    """
    dataset = _split(file, _opened(file, _library(file.name)))
    namings = {name: naming for name, feature in dataset.features.items() if (naming := _naming(feature))}
    batches = dataset.with_format("arrow").iter(BATCH)
    for number, record in records_of(batches):
        yield number, {name: namings[name](value) if name in namings else value for name, value in record.items()}


def _library(what: str) -> Any:  # noqa: ANN401  an optional module, slow to import
    if find_spec("datasets") is None:
        raise MissingExtraError(what, "datasets", "formats")
    return import_module("datasets")


def _opened(file: DataFile, datasets: Any) -> Any:  # noqa: ANN401  a Dataset or a DatasetDict
    # Whatever is wrong with a folder, a file in it or the network, the library has an error of its own for it.
    try:
        if file.path.is_dir():
            return datasets.load_from_disk(str(file.path))
        return datasets.load_dataset(file.name, name=file.subset)
    except Exception as error:  # noqa: BLE001
        said = " ".join(str(error).split())[:300]
        rule = f"it must be a file, a folder that `save_to_disk` wrote, or a data set of the hub. Found: {said}."
        return file.refuse(rule, "Save it as Parquet or JSON Lines where the hub cannot be reached.")


def _split(file: DataFile, dataset: Any) -> Any:  # noqa: ANN401
    if not isinstance(dataset, Mapping):
        return dataset
    names = list(dataset)
    wanted = file.split or (names[0] if len(names) == 1 else "")
    if wanted in dataset:
        return dataset[wanted]
    hint = did_you_mean(wanted, names)
    rule = f"`split` must name one of the splits {', '.join(map(repr, names))}. Found {wanted or 'none'}{hint}"
    return file.refuse(rule, 'Give the source `split = "…"`.')


def _naming(feature: Any) -> Naming | None:  # noqa: ANN401  any feature of the library
    """Find the classes in a feature, however deep; nothing where there are none."""
    names = getattr(feature, "names", None)
    if names is not None:
        return lambda value: names[value] if isinstance(value, int) and 0 <= value < len(names) else None
    inner = getattr(feature, "feature", None) if not isinstance(feature, Mapping | list) else None
    if isinstance(feature, list):
        inner = feature[0]
    if isinstance(feature, Mapping):
        fields = {name: naming for name, part in feature.items() if (naming := _naming(part))}
        if fields:
            return lambda value: (
                value and {name: fields[name](part) if name in fields else part for name, part in value.items()}
            )
        return None
    each = None if inner is None else _naming(inner)
    return None if each is None else lambda value: value and [each(item) for item in value]


def write_dataset_folder(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write a folder that `load_from_disk` opens.

    Raises:
        MissingExtraError: the `datasets` package is not installed.
    """
    datasets = _library("writing a data set folder")
    with spooled(records) as spool:
        schema = schema_of_records(spool, losses)
        batches = [arrow_batch(batch, schema) for batch in batches_of(spool.records())]
        dataset = datasets.Dataset(pa.Table.from_batches(batches, schema=schema))
        bars = datasets.are_progress_bars_disabled()
        datasets.disable_progress_bars()
        dataset.save_to_disk(str(path))
        if not bars:
            datasets.enable_progress_bars()
