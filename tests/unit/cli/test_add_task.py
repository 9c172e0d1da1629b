"""`polyhead add-task`: from a model and a recipe to a model that answers more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[[data.train]]
path = "rows.jsonl"
[training]
max_steps = 1
"""
ADDED = """
[tasks.mood]
kind = "classification"
[[data.train]]
path = "rows.jsonl"
[[data.dev]]
path = "rows.jsonl"
[training]
max_steps = 1
"""


@pytest.fixture
def model(run: Run, tmp_path: Path) -> Path:
    rows = [{"text": f"number {number}", "topic": "ab"[number % 2], "mood": "cd"[number % 2]} for number in range(8)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "added.toml").write_text(ADDED)
    assert run("train", tmp_path / "recipe.toml", "--output", tmp_path / "model").status == 0
    return tmp_path / "model"


def test_a_model_answers_more(run: Run, model: Path, tmp_path: Path) -> None:
    finished = run("add-task", model, tmp_path / "added.toml", "--output", tmp_path / "more")
    assert finished.status == 0, finished.err
    assert "dev: 8 rows" in finished.out
    assert f"polyhead predict {tmp_path / 'more'}" in finished.out
    assert "the encoder is frozen" in finished.err
    before, after = (json.loads(run("predict", of, "a text", "--json").out) for of in (model, tmp_path / "more"))
    assert after["tasks"].keys() == {"topic", "mood"}
    assert after["tasks"]["topic"] == before["tasks"]["topic"]


def test_what_is_to_be_added_can_be_checked(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "added.toml").write_text(ADDED.replace("rows.jsonl", "../rows.jsonl"))
    (tmp_path / "added.toml").rename(tmp_path / "recipes" / "added.toml")
    monkeypatch.chdir(tmp_path)
    finished = run("check", "recipes/added.toml", "--base", model.name, "--json")
    found = json.loads(finished.out)
    assert (finished.status, found["note"]) == (0, "")
    assert (found["rows"], found["measured_in"]) == ({"train": 8, "dev": 8}, "tokens")


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        (("[tasks.mood]", "[tasks.topic]"), 2, "'topic' already"),
        (("[tasks.mood]", '[encoder]\nname = "compact"\n[tasks.mood]'), 2, "encoder: must be left out"),
        (("classification", "clasification"), 2, "did you mean 'classification'?"),
        (("rows.jsonl", "row.jsonl"), 1, "did you mean 'rows.jsonl'?"),
    ],
)
def test_what_cannot_be_added_is_refused(
    run: Run, model: Path, tmp_path: Path, change: tuple[str, str], status: int, told: str
) -> None:
    (tmp_path / "added.toml").write_text(ADDED.replace(*change))
    finished = run("add-task", model, tmp_path / "added.toml", "--output", tmp_path / "more")
    assert (finished.status, finished.out) == (status, "")
    assert told in finished.err
    assert "Traceback" not in finished.err
    assert not (tmp_path / "more").exists()
    checked = run("check", tmp_path / "added.toml", "--base", model)
    assert (checked.status, told in checked.err + checked.out) == (status, True)


def test_a_folder_that_is_no_model_is_refused(run: Run, model: Path, tmp_path: Path) -> None:
    assert model.is_dir()
    finished = run("add-task", tmp_path, tmp_path / "added.toml", "--output", tmp_path / "more")
    assert finished.status == 1
    assert "must be a model folder" in finished.err


def test_an_interruption_says_how_to_go_on(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polyhead.train", interrupted)
    finished = run("add-task", model, tmp_path / "added.toml", "--output", tmp_path / "more")
    assert finished.status == 130
    assert f"polyhead add-task {model} {tmp_path / 'added.toml'} --output {tmp_path / 'more'} --resume" in finished.err
