"""Parquet: columns with types, read and written a batch at a time."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import isnan
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from polyhead.data.formats.base import Cell, DataFile, Losses, Numbered, Record
from polyhead.data.formats.spooling import Spool, spooled
from polyhead.errors import Fault

BATCH = 10_000
MIXED = {b"polyhead": b"json"}
"""What a table says of a column of strings in which lists, objects and numbers stand as JSON."""


def read_parquet(file: DataFile, faults: list[Fault]) -> Numbered:  # noqa: ARG001  a file is whole or broken
    """Read the rows of a file by their numbers, from 1; a number that is not one (NaN) is absent.

    Raises:
        DataError: the file is no Parquet.
    """
    try:
        with pq.ParquetFile(file.path) as table:
            yield from records_of(table.iter_batches(BATCH))
    except pa.ArrowException as error:
        rule = f"the file must be Parquet. Found: {str(error).splitlines()[0]}"
        file.refuse(rule, "Write it again, or name its format with `format = …`.")


def records_of(batches: Iterable[pa.RecordBatch]) -> Numbered:
    """Number the rows of Arrow tables, from 1."""
    number = 0
    for batch in batches:
        mixed = {field.name for field in batch.schema if field.metadata and MIXED.items() <= field.metadata.items()}
        for record in batch.to_pylist():
            number += 1
            yield number, {name: _read(value, mixed=name in mixed) for name, value in record.items()}


def _read(value: object, *, mixed: bool) -> object:
    """Return a value of a table: nothing for a number that is none, and what may be JSON as such."""
    if isinstance(value, float) and isnan(value):
        return None
    return Cell(value) if mixed and isinstance(value, str) else value


def write_parquet(records: Iterable[Record], path: Path, losses: Losses) -> None:
    """Write rows with the types that their values have; a column of several types becomes JSON."""
    with spooled(records) as spool:
        schema = schema_of_records(spool, losses)
        with path.open("xb") as file, pq.ParquetWriter(file, schema) as writer:
            for batch in batches_of(spool.records()):
                writer.write_batch(arrow_batch(batch, schema))


def arrow_batch(records: Sequence[Record], schema: pa.Schema) -> pa.RecordBatch:
    """Put records into columns; what a column of strings does not hold as such stands in it as JSON."""
    columns: list[pa.Array] = []
    for field in schema:
        values = [record.get(field.name) for record in records]
        if field.type == pa.string():
            values = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
        columns.append(pa.array(values, type=field.type))
    return pa.record_batch(columns, schema=schema)


def batches_of(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Take records a batch at a time."""
    while batch := list(islice(records, BATCH)):
        yield batch


def schema_of_records(spool: Spool, losses: Losses) -> pa.Schema:
    """Find the one Arrow type of each column that holds all its values."""
    types: dict[str, list[pa.DataType] | None] = {name: [] for name in spool.columns}
    for batch in batches_of(spool.records()):
        for name, found in types.items():
            try:
                kind = pa.array([record.get(name) for record in batch]).type
            except pa.ArrowException:
                types[name] = None
            else:
                if found is not None and kind not in found:
                    found.append(kind)
    return pa.schema([_unified(name, found, losses) for name, found in types.items()])


def _unified(name: str, types: list[pa.DataType] | None, losses: Losses) -> pa.Field:
    if types is not None:
        try:
            schemas = [pa.schema([("", each)]) for each in types]
            return pa.field(name, pa.unify_schemas(schemas, promote_options="permissive").field(0).type)
        except pa.ArrowException:
            pass
    losses.note(f"{name}: values of several types become JSON in a column of strings")
    return pa.field(name, pa.string(), metadata=MIXED)
