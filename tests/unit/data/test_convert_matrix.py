"""Every format into every other: what a task reads is the same afterwards, or the loss of it was told."""

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.converting import Converted, convert
from polyhead.data.formats.choice import FORMATS
from polyhead.data.reading import passages_of, read_rows
from polyhead.recipe import DataSource
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.embedding import Embedding
from polyhead.tasks.entities import Entities
from polyhead.tasks.multilabel import Multilabel
from polyhead.tasks.ordinal import Ordinal
from polyhead.tasks.regression import Regression
from polyhead.tasks.tagging import Tagging

TASKS: Mapping[str, Task] = {
    "entities": Entities(decoder="span"),
    "nested": Entities(decoder="span"),
    "topic": Classification(),
    "tags": Multilabel(),
    "score": Regression(),
    "both": Regression(numbers=2),
    "stars": Ordinal(labels=("1", "2", "3")),
    "pos": Tagging(),
    "meaning": Embedding(),
}
SPANS = [{"start": 0, "end": 14, "label": "O"}, {"start": 9, "end": 14, "label": "L"}]
ROWS: Mapping[str, list[dict[str, Any]]] = {
    "spans": [
        {"text": "Ada Quill sang in Leeds.", "entities": [{"start": 0, "end": 9, "label": "PER"}], "topic": "x"},
        {"text": "nothing here", "entities": [], "topic": "y"},
        {"text": "not labelled"},
    ],
    "nested": [
        {"text": "choir of Leeds", "nested": SPANS},
        {"text": "cut words", "nested": [{"start": 0, "end": 2, "label": "O"}], "topic": "y"},
    ],
    "lists": [{"text": "[1, 2]", "topic": "[]"}, {"text": "{}", "topic": "x"}],
    "texts": [
        {"text": "a\ttab and\nline  end ", "topic": "x"},
        {"text": '[br](X) \\ back "quote", comma; | bar', "topic": "- dash"},
        {"text": "[1, 2]", "topic": "[x"},
        {"text": "Zoë\u0301 👩\u200d👩\u200d👧 \u2028 sep", "topic": "é"},
        {"text": "# hash = 3", "topic": "# x"},
    ],
    "kinds": [
        {"text": "Ada sang", "text_pair": "A second", "tags": ["a", "b"], "score": 2.5, "stars": 3, "both": [1.0, 2.0]},
        {"text": "It rains", "tags": [], "score": -1, "stars": 1, "both": [None, 2.0]},
        {"text": "Well well", "tags": {"yes": ["a"], "no": ["b"]}, "stars": 2},
        {"text": "One more", "meaning": {"positive": "x", "negative": "y"}},
    ],
    "tokens": [
        {"text": "Ada sang.", "tokens": ["Ada", "sang", "."], "pos": ["N", "V", "."], "entities": ["B-PER", "O", "O"]},
        {"tokens": ["It", "rains"], "pos": ["P", "V"], "entities": ["O", "O"]},
        {"tokens": ["No", "tags"]},
    ],
}  # fmt: skip
NEEDED = {"huggingface": "datasets", "spacy": "spacy"}
USABLE = [form for form in FORMATS if form not in NEEDED or find_spec(NEEDED[form])]
LOSSLESS = ("jsonl", "json", "parquet")
"""Formats that hold all that rows are, to the letter."""

Values = dict[str, list[Any]]


@pytest.fixture(scope="module", params=ROWS)
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "jsonl").write_text("\n".join(map(json.dumps, ROWS[request.param])))
    return folder


@pytest.fixture(scope="module")
def written(first: Path) -> Mapping[str, Converted]:
    """Return what was told of each format that the rows were written in."""
    return {form: _turned(first / "jsonl", "jsonl", first / form, form) for form in USABLE if form != "jsonl"}


def _turned(source: Path, old: str, output: Path, new: str) -> Converted:
    return convert(DataSource(path=str(source), format=old), output, new)


def values(path: Path, form: str, losses: Mapping[str, int]) -> Values:
    """Read what the tasks make of a file, where each column bears the name that was told."""
    fields = {name: place for name, place in renamed(losses) if name in TASKS}
    tasks = {name: task for name, task in TASKS.items() if fields.get(name, name) not in _taken(fields, name)}
    read = read_rows([DataSource(path=str(path), format=form, fields=fields)], tasks, folder=Path())
    if read.faults:
        # What a task cannot read any more is told as well; the rows are not all there to compare.
        assert any("become JSON" in loss or "is read back as one" in loss for loss in losses)
        return {}
    indices = range(len(read.rows))
    found = {name: read.rows.values(name, indices) for name in tasks}
    return {"text": read.rows.texts(indices), "text_pair": read.rows.pairs(indices), **found}


def _taken(fields: Mapping[str, str], own: str) -> set[str]:
    return {place for name, place in fields.items() if name != own}


def renamed(losses: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    for loss in losses:
        name, _, place = loss.partition(": read back as ")
        if place:
            yield name, place.strip("'")


def told(name: str, losses: Mapping[str, int]) -> bool:
    """Tell whether a loss speaks of a column, or of no column at all."""
    return any(name in loss or loss.split(":")[0] not in {*TASKS, "text_pair"} for loss in losses)


@pytest.mark.parametrize("form", [form for form in USABLE if form != "jsonl"])
def test_what_a_task_reads_is_the_same_or_its_loss_is_told(
    form: str, first: Path, written: Mapping[str, Converted]
) -> None:
    losses = written[form].losses
    before, after = values(first / "jsonl", "jsonl", {}), values(first / form, form, losses)
    different = {
        name for name, value in before.items() if after.get(name, value if not after else [None] * len(value)) != value
    }
    if form in LOSSLESS:
        assert after
        assert not different
    assert {name for name in different if not told(name, losses)} == set()


@pytest.mark.parametrize("new", USABLE)
@pytest.mark.parametrize("old", USABLE)
def test_every_format_becomes_every_other(
    old: str, new: str, first: Path, written: Mapping[str, Converted], tmp_path: Path
) -> None:
    done = _turned(first / old, old, tmp_path / "new", new)
    lines = 0 if old == "jsonl" else sum(n for loss, n in written[old].losses.items() if "has no line" in loss)
    assert done.rows == len((first / "jsonl").read_text().splitlines()) - lines
    found = list(passages_of(DataSource(path=str(tmp_path / "new"), format=new), folder=Path()))
    assert len(found) == done.rows - sum(count for loss, count in done.losses.items() if "has no line" in loss)


@pytest.mark.parametrize("form", LOSSLESS)
def test_formats_that_hold_everything_give_back_every_column(
    form: str, first: Path, written: Mapping[str, Converted], tmp_path: Path
) -> None:
    if form == "jsonl" or form not in written:
        return
    _turned(first / form, form, tmp_path / "back", "jsonl")
    expected = [json.loads(line) for line in (first / "jsonl").read_text().splitlines()]
    found = [json.loads(line) for line in (tmp_path / "back").read_text().split("\n") if line]
    assert found == expected
