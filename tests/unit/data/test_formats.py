from pathlib import Path

import pytest

from polyhead.data.formats import READERS, reader_of
from polyhead.data.jsonl import read_json_lines


@pytest.mark.parametrize("name", ["a.jsonl", "a.JSONL", "a.b.ndjson", "folder.csv/a.json"])
def test_the_ending_of_the_name_tells_the_reader(name: str) -> None:
    assert reader_of(Path(name)) is read_json_lines


@pytest.mark.parametrize("name", ["a", "a.csv", "a.jsonl.gz", ".jsonl", "jsonl"])
def test_another_ending_has_no_reader(name: str) -> None:
    assert reader_of(Path(name)) is None


@pytest.mark.parametrize("ending", READERS)
def test_every_reader_yields_places_and_fields(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{ending}"
    path.write_text('{"text": "a"}\n')
    assert list(READERS[ending](path, name="rows", faults=[])) == [(1, {"text": "a"})]
