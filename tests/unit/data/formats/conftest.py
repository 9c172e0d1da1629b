"""Files of any format, read and written through the reader and writer that their format has."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.formats.base import DataFile, Losses, Record
from polyhead.data.formats.choice import FORMATS

Parse = Callable[..., tuple[list[tuple[int, Any]], list[str]]]
Write = Callable[..., tuple[Path, Mapping[str, int]]]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """Read a file of a format; return its records with their places, and its faults."""

    def read(form: str, content: str | bytes | Path, **settings: Any) -> tuple[list[tuple[int, Any]], list[str]]:  # noqa: ANN401
        path = tmp_path / settings.pop("name", "rows.data")
        if isinstance(content, Path):
            path = content
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        faults: list[Any] = []
        file = DataFile(path=path, name="rows", **settings)
        return list(FORMATS[form].reader(file, faults)), [str(fault) for fault in faults]

    return read


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write records in a format; return the file, and what it could not hold."""

    def write_file(form: str, records: Iterable[Record], name: str = "written") -> tuple[Path, Mapping[str, int]]:
        losses, path = Losses(), tmp_path / f"{name}.{form}"
        FORMATS[form].writer(records, path, losses)
        return path, dict(losses.counts)

    return write_file
