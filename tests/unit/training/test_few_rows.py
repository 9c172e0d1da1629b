from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.linear_model import LogisticRegression

import polyhead
from polyhead.data.dataset import load_dataset
from polyhead.recipe import Recipe, parse_recipe
from polyhead.training.few_rows import ENOUGH, FEW, STILL, too_few
from polyhead.training.progress import Silent
from polyhead.training.train import train

SUBJECTS = {
    "sport": ("match", "goal", "team", "race"),
    "food": ("soup", "bread", "plum", "cake"),
    "trade": ("price", "shop", "bank", "tax"),
}


class Noted(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def rows(count: int) -> str:
    lines: list[str] = []
    for number in range(count):
        label = tuple(SUBJECTS)[number % 3]
        word = SUBJECTS[label][number // 3 % 4]
        lines.append(f'{{"text": "The {word} of day {number} was good", "about": "{label}"}}')
    return "\n".join(lines) + "\n"


def recipe_in(folder: Path, encoder: Path | str, *, count: int = 24, **tables: dict[str, Any]) -> Recipe:
    (folder / "rows.jsonl").write_text(rows(count))
    document: dict[str, Any] = {
        "encoder": {"name": str(encoder)},
        "tasks": {"about": {"kind": "classification"}},
        "data": {"train": [{"path": "rows.jsonl"}], "test": [{"path": "rows.jsonl"}]},
        **tables,
    }
    return parse_recipe(document, folder=folder, source="test")


def is_too_few(recipe: Recipe) -> bool:
    data = load_dataset(recipe)
    return too_few(recipe.with_tasks(data.tasks), data)


def test_a_few_rows_without_dev_rows_are_too_few(tmp_path: Path, bert_folder: Path) -> None:
    assert is_too_few(recipe_in(tmp_path, bert_folder))


def test_enough_rows_are_not_too_few(tmp_path: Path, bert_folder: Path) -> None:
    assert is_too_few(recipe_in(tmp_path, bert_folder, count=3 * ENOUGH - 1))
    assert not is_too_few(recipe_in(tmp_path, bert_folder, count=3 * ENOUGH))


@pytest.mark.parametrize(
    "tables",
    [
        {"training": {"epochs": 1}},
        {"training": {"max_steps": 1}},
        {"training": {"freeze": "none"}},
        {"training": {"linear_probe": False}},
        {"sharing": {"kind": "task_attention"}},
        {"data": {"train": [{"path": "rows.jsonl"}], "dev": [{"path": "rows.jsonl"}]}},
    ],
    ids=lambda tables: next(iter(tables)),
)
def test_whoever_says_how_to_train_is_obeyed(tmp_path: Path, bert_folder: Path, tables: dict[str, Any]) -> None:
    assert not is_too_few(recipe_in(tmp_path, bert_folder, **tables))


def test_an_encoder_that_begins_with_nothing_has_to_learn(tmp_path: Path) -> None:
    assert not is_too_few(recipe_in(tmp_path, "compact"))


def test_tasks_about_words_need_the_encoder_to_learn(tmp_path: Path, bert_folder: Path) -> None:
    tasks = {"about": {"kind": "classification"}, "names": {"kind": "entities", "labels": ["X"]}}
    recipe = recipe_in(tmp_path, bert_folder, tasks=tasks)
    (tmp_path / "rows.jsonl").write_text(rows(4) + '{"text": "Nobody", "names": []}\n')
    assert not is_too_few(recipe)


def test_the_model_is_a_logistic_regression_on_an_encoder_that_stays(tmp_path: Path, bert_folder: Path) -> None:
    noted = Noted()
    recipe = recipe_in(tmp_path, bert_folder)
    result = train(recipe, output=tmp_path / "model", progress=noted)
    assert FEW in noted.notes
    assert result.history == []
    before, after = (load_file(folder / "model.safetensors") for folder in (bert_folder, tmp_path / "model"))
    assert all(np.array_equal(before[name], weights) for name, weights in after.items())
    predictor = polyhead.load(tmp_path / "model")
    data = load_dataset(recipe)
    texts = data.train.texts(range(24))
    theirs = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(
        predictor.embed(texts), data.train.values("about", range(24))
    )
    wanted = theirs.predict_proba(predictor.embed(texts))
    ours = [[answer["about"].scores[label] for label in theirs.classes_] for answer in predictor.predict(texts)]
    np.testing.assert_allclose(ours, wanted, atol=2e-3)


def test_an_encoder_that_stands_still_needs_no_steps_without_dev_rows(tmp_path: Path, bert_folder: Path) -> None:
    noted = Noted()
    recipe = recipe_in(tmp_path, bert_folder, count=3 * ENOUGH, training={"freeze": "all"})
    assert train(recipe, output=tmp_path / "model", progress=noted).history == []
    assert STILL in noted.notes


@pytest.mark.parametrize(
    "tables",
    [
        {"training": {"freeze": "all", "epochs": 1}},
        {"training": {"freeze": "all", "max_steps": 1}},
        {"training": {"freeze": "all", "linear_probe": False}},
        {
            "training": {"freeze": "all"},
            "data": {"train": [{"path": "rows.jsonl"}], "dev": [{"path": "rows.jsonl"}]},
        },
    ],
    ids=["epochs", "steps", "no probe", "dev rows"],
)
def test_heads_learn_on_where_something_asks_for_it(tmp_path: Path, bert_folder: Path, tables: dict[str, Any]) -> None:
    recipe = recipe_in(tmp_path, bert_folder, **tables)
    assert train(recipe, output=tmp_path / "model").history
