import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import load_recipe
from polyhead.tasks.classification import Classification

Run = Callable[..., Any]

RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[[data.train]]
path = "train.jsonl"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = [{"text": f"number {number}", "topic": "abc"[number % 3]} for number in range(9)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def test_a_recipe_is_described_with_the_labels_of_its_rows(run: Run, recipe: Path) -> None:
    finished = run("describe", recipe)
    assert finished.status == 0
    for part in ("topic", "classification", "3)", "shared by all tasks", "a model for each task"):
        assert part in finished.out


def test_json_is_one_document_and_nothing_else(run: Run, recipe: Path) -> None:
    finished = run("describe", recipe, "--json")
    document = json.loads(finished.out)
    assert document["tasks"][0]["labels"] == 3
    assert document["together"] == document["shared"] + document["private"]


def test_a_model_folder_is_described_as_its_recipe_is(
    run: Run, recipe: Path, tmp_path: Path, bert_folder: Path
) -> None:
    recipe.write_text(recipe.read_text().replace('"compact"', json.dumps(str(bert_folder))))
    tasks = {"topic": Classification(labels=("a", "b", "c"))}
    MultiTaskModel.build(load_recipe(recipe), tasks=tasks, texts=()).save_pretrained(tmp_path / "model")
    of_model = run("describe", tmp_path / "model", "--json")
    assert of_model.status == 0
    assert json.loads(of_model.out) == json.loads(run("describe", recipe, "--json").out)


def test_a_hub_model_that_is_no_folder_and_no_network_is_told(run: Run, recipe: Path) -> None:
    text = recipe.read_text().replace("compact", "some/encoder").replace("kind", "labels = ['a', 'b']\nkind", 1)
    recipe.write_text(text)
    finished = run("describe", recipe)
    assert finished.status == 1
    assert "some/encoder" in finished.err
    assert "compact" in finished.err


def test_the_picture_is_well_formed(run: Run, recipe: Path, tmp_path: Path) -> None:
    finished = run("describe", recipe, "--picture", tmp_path / "out.svg", "--json")
    assert finished.status == 0
    assert ET.parse(tmp_path / "out.svg").getroot().tag.endswith("svg")
    assert "out.svg" in finished.err
    assert json.loads(finished.out)


def test_a_picture_of_another_format_is_refused(run: Run, recipe: Path, tmp_path: Path) -> None:
    finished = run("describe", recipe, "--picture", tmp_path / "out.png")
    assert finished.status == 2
    assert ".svg" in finished.err


def test_a_picture_that_cannot_be_written_is_told(run: Run, recipe: Path, tmp_path: Path) -> None:
    finished = run("describe", recipe, "--picture", tmp_path / "absent" / "out.svg")
    assert finished.status == 1
    assert "the picture cannot be written" in finished.err


def test_a_folder_that_is_no_model_is_told(run: Run, tmp_path: Path) -> None:
    finished = run("describe", tmp_path)
    assert finished.status == 1
    assert "Error" in finished.err
