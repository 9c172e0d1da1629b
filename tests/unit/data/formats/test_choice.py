"""The format of a file, told by its ending or by what it holds."""

import gzip
import json
from pathlib import Path

import pytest

from polyhead.data.formats.choice import ENDINGS, FORMATS, format_by_name, format_of, may_be_hub_id
from polyhead.recipe_rules import FORMATS as RECIPE_FORMATS

# what a file holds -> its format
CONTENTS = {
    '{"text": "a", "topic": "b"}\n': "jsonl",
    '{"text": "a", "answer": "four", "label": "x"}\n': "jsonl",
    '{"text": "a", "labels": ["x"]}\n': "jsonl",
    '{"text": "a", "answer": ["b"]}\n': "jsonl",
    '{"text": "a", "answer": {"start": 1}}\n': "jsonl",
    '{"text": "a", "label": [[0, 1, "X"]]}\n': "doccano",
    '{"text": "a", "label": []}\n{"text": "a", "label": [[0, 1, "X"]]}\n': "doccano",
    '{"text": "a", "entities": [{"id": 1, "label": "X", "start_offset": 0, "end_offset": 1}]}\n': "doccano",
    '{"text": "a", "spans": [], "answer": "accept"}\n': "prodigy",
    '{"text": "a", "_input_hash": 7}\n': "prodigy",
    '[{"data": {"text": "a"}, "annotations": []}]': "label-studio",
    '[\n  {"text": "a", "topic": "x"}\n]': "json",
    "[]": "json",
    "Ada B-PER\nlives O\n\nin O\n": "conll",
    "[Ada](PER) lives in [Leeds](LOC).\n": "markup",
}


@pytest.mark.parametrize("name", ["a.jsonl", "a.JSONL", "a.b.ndjson", "folder.csv/a.json", "a.jsonl.gz", "a.json.zst"])
def test_the_ending_of_the_name_tells_the_format(name: str) -> None:
    assert format_of(Path(name)) == "jsonl"


@pytest.mark.parametrize("name", ["a", "a.docx", ".jsonl", "jsonl", "a.gz"])
def test_another_ending_tells_none(name: str) -> None:
    assert format_of(Path(name)) is None


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", ["rows.json", "rows.txt", "rows", "rows.json.gz"])
def test_what_a_file_holds_tells_its_format(content: str, name: str, tmp_path: Path) -> None:
    data = content.encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    expected = CONTENTS[content]
    if name.startswith("rows.json") and expected in {"conll", "markup"}:
        expected = "jsonl"
    assert format_of(tmp_path / name) == expected


def test_plain_text_has_no_format(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("One day.\nAnother day.\n")
    assert format_of(tmp_path / "notes.txt") is None


def test_a_broken_packed_file_is_told_by_its_name_alone(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(b'{"text": "a"}' * 100)[:30])
    assert format_of(tmp_path / "rows.jsonl.gz") == "jsonl"


def test_folders_are_told_by_the_files_in_them(tmp_path: Path) -> None:
    assert format_of(tmp_path) is None
    (tmp_path / "state.json").write_text("{}")
    assert format_of(tmp_path) == "huggingface"
    (tmp_path / "seq.in").write_text("")
    assert format_of(tmp_path) == "joint"


def test_the_format_of_a_new_file_needs_no_file() -> None:
    assert {format_by_name(Path(f"new{ending}.gz")) for ending in ENDINGS} == set(ENDINGS.values())
    assert format_by_name(Path("new")) is None


def test_recipe_and_readers_know_the_same_formats() -> None:
    assert tuple(FORMATS) == RECIPE_FORMATS


@pytest.mark.parametrize(
    ("name", "may"), [("owner/name", True), ("a/b.jsonl", False), ("a/b/c", False), ("../a", False)]
)
def test_a_hub_id_is_an_owner_and_a_name(name: str, may: bool) -> None:  # noqa: FBT001
    assert may_be_hub_id(name) is may


def test_a_long_first_line_does_not_hide_the_format(tmp_path: Path) -> None:
    row = {"text": "a" * 100_000, "label": [[0, 1, "X"]]}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    assert format_of(tmp_path / "rows.jsonl") == "jsonl"
