import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]

ROWS = [
    {"text": "Ada met Milo", "topic": "long", "people": [{"start": 0, "end": 3, "label": "PERSON"}]},
    {"text": "quiet", "topic": "short", "people": []},
    {"text": "no names here", "topic": "long"},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    return tmp_path / "rows.jsonl"


def test_scores_are_one_json_document_in_the_shape_of_the_contract(run: Run, model: str, data: Path) -> None:
    finished = run("evaluate", model, data, "--json")
    assert (finished.status, finished.err) == (0, "")
    metrics = json.loads(finished.out)
    assert (metrics["rows"], metrics["all_right"]) == (3, 0.5)
    assert metrics["tasks"]["topic"]["primary"] == 1.0
    assert metrics["tasks"]["topic"]["rows"] == 3
    people = metrics["tasks"]["people"]
    assert (people["precision"], people["recall"], people["rows"]) == (0.5, 1.0, 2)
    assert people["labels"]["PERSON"]["support"] == 1


def test_scores_are_tables_for_people(run: Run, model: str, data: Path) -> None:
    finished = run("evaluate", model, data)
    assert finished.status == 0
    for part in ("topic", "people", "accuracy 1.000", "PERSON", "All tasks right at once: 0.500"):
        assert part in finished.out


def test_columns_may_have_other_names(run: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"sentence": "quiet", "class": "short"}\n')
    words = ("--field", "text=sentence", "--field", "topic=class", "--json")
    finished = run("evaluate", model, tmp_path / "rows.jsonl", *words)
    metrics = json.loads(finished.out)
    assert metrics["tasks"]["topic"]["accuracy"] == 1.0
    assert metrics["all_right"] is None


@pytest.mark.parametrize("field", ["text", "=column", "text="])
def test_a_column_that_is_not_given_as_a_pair_is_told(run: Run, model: str, data: Path, field: str) -> None:
    finished = run("evaluate", model, data, "--field", field)
    assert finished.status == 2
    assert "NAME=COLUMN" in finished.err


def test_a_column_for_a_task_that_is_none_is_told(run: Run, model: str, data: Path) -> None:
    finished = run("evaluate", model, data, "--field", "topik=class")
    assert finished.status == 2
    assert "did you mean 'topic'?" in finished.err


def test_bad_rows_are_told_with_their_places(run: Run, model: str, data: Path) -> None:
    with data.open("a") as file:
        file.write('\n{"text": 3}\n{"text": "a", "topic": "middling"}\n')
    finished = run("evaluate", model, data, "--json")
    assert (finished.status, finished.out) == (1, "")
    assert f"{data}:4" in finished.err
    assert f"{data}:5" in finished.err


def test_a_file_that_is_absent_is_told(run: Run, model: str, tmp_path: Path) -> None:
    finished = run("evaluate", model, tmp_path / "absent.jsonl")
    assert finished.status == 1
    assert "absent.jsonl" in finished.err
