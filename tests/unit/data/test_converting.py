"""From any format to any other and back: what both can hold comes back as it was."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.converting import Meaning, convert
from polyhead.data.formats.choice import FORMATS
from polyhead.data.reading import read_rows
from polyhead.errors import DataError, StorageError, UsageError
from polyhead.recipe import DataSource
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

TASKS: dict[str, Task] = {"topic": Classification(), "entities": Entities()}
TEXTS = ("Ada Quill sang", "in São Paulo it rains", "nothing here")
ROWS = [
    {"text": TEXTS[0], "topic": "x", "entities": [{"start": 0, "end": 9, "label": "PER"}]},
    {"text": TEXTS[1], "topic": "y", "entities": [{"start": 3, "end": 12, "label": "LOC"}]},
    {"text": TEXTS[2], "topic": "y", "entities": []},
]
# What these formats call our columns, where they have names of their own.
NAMES = {
    "joint": {"topic": "intent"},
    "prodigy": {"topic": "label"},
    "spacy": {"topic": "label"},
}
NEEDED = {"huggingface": "datasets", "spacy": "spacy"}
Save = Callable[..., str]


@pytest.fixture
def source(save: Save, tmp_path: Path) -> DataSource:
    return DataSource(path=str(tmp_path / save(*ROWS)))


def skip_without(form: str) -> None:
    if form in NEEDED and find_spec(NEEDED[form]) is None:
        pytest.skip(f"{NEEDED[form]} is not installed")


def values(path: Path, form: str, fields: dict[str, str]) -> dict[str, Any]:
    read = read_rows([DataSource(path=str(path), format=form, fields=fields)], TASKS, folder=Path())
    assert not read.faults
    assert not read.file_faults
    found = {name: read.rows.values(name, range(len(read.rows))) for name in TASKS}
    return {"text": read.rows.texts(range(len(read.rows))), **found}


@pytest.mark.parametrize("form", FORMATS)
def test_rows_come_back_as_they_were(form: str, source: DataSource, tmp_path: Path) -> None:
    skip_without(form)
    there, back = tmp_path / "there", tmp_path / "back.jsonl"
    done = convert(source, there, form)
    assert done.rows == len(ROWS)
    fields = NAMES.get(form, {})
    convert(DataSource(path=str(there), format=form, fields=fields), back, "jsonl")
    before, after = values(Path(source.path), "jsonl", {}), values(back, "jsonl", {})
    if form == "markup":
        assert done.losses == {"topic: there is no place for it": 3}
        assert after["topic"] == [None] * 3
    else:
        assert after["topic"] == before["topic"]
    assert after["text"] == before["text"]
    assert after["entities"] == before["entities"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_recipe_reads_what_was_written(form: str, source: DataSource, tmp_path: Path) -> None:
    skip_without(form)
    convert(source, tmp_path / "there", form)
    if form != "markup":
        assert values(tmp_path / "there", form, NAMES.get(form, {})) == values(Path(source.path), "jsonl", {})


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize(
    "form", ["jsonl", "json", "csv", "tsv", "conll", "doccano", "prodigy", "label-studio", "markup"]
)
def test_text_formats_are_packed_and_read_as_they_are(
    packing: str, form: str, source: DataSource, tmp_path: Path
) -> None:
    path = tmp_path / f"there.data{packing}"
    convert(source, path, form)
    assert path.read_bytes()[:1] in {b"\x1f", b"\x28"}
    read = read_rows([DataSource(path=str(path), format=form)], {"entities": Entities()}, folder=Path())
    assert not read.faults
    assert len(read.rows) == len(ROWS)


def test_columns_are_renamed_and_typed(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('id,score,tokens,tags\n1,2.5,Ada ran,"[""B-PER"", ""O""]"\n')
    source = DataSource(path=str(tmp_path / "rows.csv"), fields={"entities": "tags", "similarity": "score"})
    meaning = Meaning(numbers=frozenset({"similarity"}))
    convert(source, tmp_path / "out.jsonl", "jsonl", meaning=meaning)
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "id": "1",
        "similarity": 2.5,
        "tokens": "Ada ran",
        "entities": ["B-PER", "O"],
    }


def test_a_text_in_a_cell_is_never_anything_else(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('text,text_pair,tokens\n"[1, 2]",,\n"{}","[]",\n,,\n,,"[""a""]"\n')
    convert(DataSource(path=str(tmp_path / "rows.csv")), tmp_path / "out.jsonl", "jsonl")
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        {"text": "[1, 2]"},
        {"text": "{}", "text_pair": "[]"},
        {"text": ""},
        {"tokens": ["a"]},
    ]


def test_tags_become_spans_where_asked(tmp_path: Path) -> None:
    (tmp_path / "rows.conll").write_text("Ada\tI-PER\nran\tO\n")
    source = DataSource(path=str(tmp_path / "rows.conll"), fields={"entities": "1"})
    convert(source, tmp_path / "out.jsonl", "jsonl", meaning=Meaning(spans=frozenset({"entities"})))
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "tokens": ["Ada", "ran"],
        "entities": [{"start": 0, "end": 3, "label": "PER", "text": "Ada"}],
    }


def test_nothing_is_written_over(source: DataSource, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("kept")
    with pytest.raises(UsageError, match=r"nothing is ever written over"):
        convert(source, tmp_path / "out.csv", "csv")
    assert (tmp_path / "out.csv").read_text() == "kept"


def test_a_file_with_faults_is_not_converted_and_leaves_nothing(save: Save, tmp_path: Path) -> None:
    name = save(ROWS[0], "broken")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(DataError, match=r"rows.jsonl:2"):
        convert(DataSource(path=str(tmp_path / name)), tmp_path / "out.csv", "csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_place_that_cannot_be_written_says_why(source: DataSource, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"it cannot be written"):
        convert(source, tmp_path / "absent" / "out.csv", "csv")


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the file must exist"):
        convert(DataSource(path=str(tmp_path / "absent.jsonl")), tmp_path / "out.csv", "csv")


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"topic": "entities"}, "must not name a column that is there. Found 'topic'"),
        ({"label": "topc"}, "must name a column: 'text', 'topic', 'entities'. Found 'topc'; did you mean 'topic'?"),
    ],
)
def test_no_column_is_lost_to_a_new_name(fields: dict[str, str], rule: str, source: DataSource, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(rule)):
        convert(replace(source, fields=fields), tmp_path / "out.jsonl", "jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_columns_may_swap_their_names(source: DataSource, tmp_path: Path) -> None:
    swapped = {"topic": "entities", "entities": "topic"}
    convert(replace(source, fields=swapped), tmp_path / "out.jsonl", "jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["entities"] == "x"


@pytest.mark.parametrize(
    ("row", "form"), [({"text": "a", "n": 10**400}, "parquet"), ({"text": "a", "n": "\ud800"}, "parquet")]
)
def test_a_value_that_the_format_cannot_hold_is_told(
    row: dict[str, Any], form: str, save: Save, tmp_path: Path
) -> None:
    source = DataSource(path=str(tmp_path / save(row)))
    with pytest.raises(DataError, match="must be able to hold every value"):
        convert(source, tmp_path / "out", form)


@pytest.mark.parametrize("form", ["conll", "markup"])
def test_tokens_that_are_none_do_not_stop_a_conversion(form: str, save: Save, tmp_path: Path) -> None:
    convert(DataSource(path=str(tmp_path / save({"text": "a b", "tokens": [1]}))), tmp_path / "out", form)
    assert (tmp_path / "out").stat().st_size
