"""Two tasks over rows that are learned in moments."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.recipe import Recipe, parse_recipe

MakeRecipe = Callable[..., Recipe]
NAMES = ("Oslo", "Lima", "Bergen", "Quito")


def row_of(number: int) -> dict[str, Any]:
    name = NAMES[number % 4]
    text = f"{name} {'is cold' if number % 2 == 0 else 'is warm'} on day {number}"
    return {
        "text": text,
        "mood": "cold" if number % 2 == 0 else "warm",
        "places": [{"start": 0, "end": len(name), "label": "CITY"}],
    }


def written(folder: Path) -> dict[str, Any]:
    """Write rows: the first file labels both tasks, the second the mood alone; return a recipe for them."""
    for split in ("train", "test"):
        rows = [row_of(number) for number in range(24)]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    moods = [{"said": f"so {word} {number}", "mood": word} for number in range(4) for word in ("cold", "warm")]
    (folder / "moods.jsonl").write_text("\n".join(map(json.dumps, moods)))
    return {
        "encoder": {"name": "compact"},
        "tasks": {"mood": {"kind": "classification"}, "places": {"kind": "entities"}},
        "data": {
            "train": [{"path": "train.jsonl"}, {"path": "moods.jsonl", "fields": {"text": "said", "mood": "mood"}}],
            "test": [{"path": "test.jsonl"}],
        },
        "training": {"max_steps": 1, "seed": 5},
    }


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    return written(tmp_path)


@pytest.fixture
def recipe(document: dict[str, Any], tmp_path: Path) -> Recipe:
    return parse_recipe(document, folder=tmp_path, source="recipe")


@pytest.fixture
def recipe_of(tmp_path: Path) -> MakeRecipe:
    return lambda document: parse_recipe(document, folder=tmp_path, source="recipe")


@pytest.fixture(scope="session")
def lasting_recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The same recipe for all tests, who leave its rows alone."""
    folder = tmp_path_factory.mktemp("rows")
    return parse_recipe(written(folder), folder=folder, source="recipe")
