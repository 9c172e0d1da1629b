from pathlib import Path
from typing import Any

import pytest

from polyhead.recipe import Recipe, parse_recipe
from polyhead.training.card import model_card

METRICS = {
    "rows": 1200,
    "all_right": 0.5,
    "tasks": {
        "topic": {"kind": "classification", "rows": 1000, "primary": 0.9, "accuracy": 0.9, "macro_f1": 0.875},
        "names": {"kind": "entities", "rows": 800, "primary": 0.7, "precision": 0.8, "recall": 0.62, "f1": 0.7},
    },
}


def recipe(name: str = "compact", pooling: str = "mean", labels: tuple[str, ...] = ("a", "b|c")) -> Recipe:
    document: dict[str, Any] = {
        "encoder": {"name": name, "pooling": pooling},
        "tasks": {
            "topic": {"kind": "classification", "labels": list(labels)},
            "names": {"kind": "entities", "labels": ["PERSON"]},
        },
        "data": {"train": [{"path": "train.jsonl"}]},
    }
    return parse_recipe(document, folder=Path(), source="a test")


def test_tasks_and_their_labels_are_listed() -> None:
    card = model_card(recipe(), {"dev": None, "test": None})
    assert "| topic | classification | a, b\\|c |" in card
    assert "| names | entities | PERSON |" in card


def test_scores_are_those_of_test() -> None:
    card = model_card(recipe(), {"dev": {**METRICS, "rows": 3}, "test": METRICS})
    assert "## Scores on test (1,200 rows)" in card
    assert "| topic | 1,000 | accuracy 0.900, macro_f1 0.875 |" in card
    assert "All tasks right at once: 0.500" in card
    assert "Scores on dev" not in card


def test_without_test_rows_the_scores_are_those_of_dev() -> None:
    assert "## Scores on dev" in model_card(recipe(), {"dev": METRICS, "test": None})


def test_without_either_there_are_no_scores() -> None:
    assert "## Scores" not in model_card(recipe(), {"dev": None, "test": None})


def test_no_row_with_every_label_is_no_share() -> None:
    card = model_card(recipe(), {"dev": {**METRICS, "all_right": None}, "test": None})
    assert "All tasks right" not in card


def test_it_says_how_to_use_the_model() -> None:
    card = model_card(recipe(), {"dev": None, "test": None})
    for line in ('polyhead.load(".")', 'polyhead predict . "A text of yours"', 'SentenceTransformer(".")'):
        assert line in card


def test_attention_pooling_promises_no_other_reader() -> None:
    assert "SentenceTransformer" not in model_card(recipe(pooling="attention"), {"dev": None, "test": None})


@pytest.mark.parametrize(("name", "shown"), [("org/model", "`org/model`"), ("/home/someone/secret/bert", "`bert`")])
def test_the_encoder_is_named_without_the_place_of_a_local_folder(name: str, shown: str) -> None:
    card = model_card(recipe(name), {"dev": None, "test": None})
    assert shown in card
    assert "secret" not in card


def test_the_front_matter_names_the_kinds() -> None:
    card = model_card(recipe(), {"dev": None, "test": None})
    front = card.split("---\n")[1]
    assert "library_name: polyhead" in front
    assert "- classification\n- entities\n" in front
