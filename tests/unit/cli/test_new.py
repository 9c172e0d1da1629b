import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.cli.new import templates
from polyhead.data.lint import inspect
from polyhead.recipe import load_recipe

Run = Callable[..., Any]


def test_the_templates_are_those_of_the_help(run: Run) -> None:
    assert templates() == ("topic-entities", "topic-sentiment")
    for name in templates():
        assert name in run("new", "--help").out


@pytest.mark.parametrize("template", templates())
def test_a_template_is_a_recipe_and_rows_without_faults(run: Run, tmp_path: Path, template: str) -> None:
    finished = run("new", tmp_path / "new", "--template", template)
    assert finished.status == 0
    assert inspect(load_recipe(tmp_path / "new" / "recipe.toml")).faults == 0
    for words in ("check", "train"):
        assert f"polyhead {words} {tmp_path}/new/recipe.toml" in finished.out


@pytest.mark.parametrize("template", templates())
@pytest.mark.parametrize("encoder", ["compact", '/a folder/with "quotes" and \\', "org/модель"])
def test_the_encoder_is_swapped_and_all_else_stays(run: Run, tmp_path: Path, template: str, encoder: str) -> None:
    run("new", tmp_path / "a", "--template", template)
    run("new", tmp_path / "b", "--template", template, "--encoder", encoder)
    before, after = ((tmp_path / name / "recipe.toml").read_text(encoding="utf-8") for name in "ab")
    assert before.count("\n") == after.count("\n")
    assert "#" in after
    documents = tomllib.loads(before), tomllib.loads(after)
    assert documents[1]["encoder"].pop("name") == encoder
    documents[0]["encoder"].pop("name")
    assert documents[0] == documents[1]


def test_topic_sentiment_is_as_it_is_promised(run: Run, tmp_path: Path) -> None:
    run("new", tmp_path / "new", "--template", "topic-sentiment")
    recipe = load_recipe(tmp_path / "new" / "recipe.toml")
    assert recipe.encoder.name == "BAAI/bge-large-en-v1.5"
    assert (recipe.encoder.pooling, recipe.encoder.projection) == ("mean", 1024)
    assert [task.head for task in recipe.tasks.values()] == ["mlp", "mlp"]  # pyright: ignore[reportAttributeAccessIssue]
    labels = {name: task.labels for name, task in recipe.tasks.items()}  # pyright: ignore[reportAttributeAccessIssue]
    assert labels == {
        "topic": ("Technology", "Business", "Sports", "Entertainment", "Politics", "Science/Health"),
        "sentiment": ("positive", "neutral", "negative"),
    }


def test_topic_entities_is_as_it_is_promised(run: Run, tmp_path: Path) -> None:
    run("new", tmp_path / "new", "--template", "topic-entities")
    recipe = load_recipe(tmp_path / "new" / "recipe.toml")
    assert recipe.encoder.name == "EleutherAI/gpt-neo-125m"
    settings = [(t.head, t.dropout, t.weight) for t in recipe.tasks.values()]  # pyright: ignore[reportAttributeAccessIssue]
    assert settings == [("linear", 0.1, 1.0)] * 2
    lines = (tmp_path / "new" / "data" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6
    assert {
        "sentence": "Fetch Rewards is awesome and is America's number one app",
        "task_A": "technology",
        "task_B": [
            {"text": "Fetch Rewards", "type": "ORG", "start": 0, "end": 13},
            {"text": "America", "type": "LOC", "start": 32, "end": 39},
        ],
    } in map(json.loads, lines)
    report = inspect(recipe)
    assert all(counts["train"] for table in report.tasks.values() for counts in table.labels.values())


def test_an_unknown_template_is_told_with_the_known_ones(run: Run, tmp_path: Path) -> None:
    finished = run("new", tmp_path / "new", "--template", "topic-sentimant")
    assert finished.status == 2
    assert "did you mean 'topic-sentiment'?" in finished.err
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    finished = run("new", tmp_path, "--template", "topic-entities")
    assert finished.status == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert run("new", tmp_path / "file", "--template", "topic-entities").status == 2
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_is_filled(run: Run, tmp_path: Path) -> None:
    assert run("new", tmp_path, "--template", "topic-entities").status == 0
    assert (tmp_path / "recipe.toml").is_file()


def test_a_place_that_cannot_be_written_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    finished = run("new", tmp_path / "file" / "below", "--template", "topic-entities")
    assert finished.status == 1
    assert "the template cannot be written" in finished.err
