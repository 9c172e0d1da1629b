"""A recipe with one task is one that anybody could have written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from polyhead.data.dataset import load_dataset
from polyhead.recipe import Recipe, load_recipe, recipe_to_toml
from polyhead.studies.alone import recipe_alone

MakeRecipe = Callable[..., Recipe]


def test_files_that_do_not_label_the_task_are_left_out(recipe: Recipe) -> None:
    data = load_dataset(recipe)
    places = recipe_alone(recipe, "places", data)
    assert list(places.tasks) == ["places"]
    assert [source.path for source in places.data.train] == ["train.jsonl"]
    mood = recipe_alone(recipe, "mood", data)
    assert [source.path for source in mood.data.train] == ["train.jsonl", "moods.jsonl"]
    assert dict(mood.data.train[1].fields) == {"text": "said", "mood": "mood"}


def test_fields_of_other_tasks_go(document: dict[str, Any], recipe_of: MakeRecipe) -> None:
    document["data"]["train"][0]["fields"] = {"mood": "mood", "places": "places"}
    recipe = recipe_of(document)
    alone = recipe_alone(recipe, "places", load_dataset(recipe))
    assert dict(alone.data.train[0].fields) == {"places": "places"}


def test_what_is_about_several_tasks_is_the_default(document: dict[str, Any], recipe_of: MakeRecipe) -> None:
    document |= {
        "sharing": {"kind": "soft"},
        "sampling": {"kind": "fixed", "parts": {"mood": 1, "places": 2}},
        "balancing": {"kind": "uncertainty"},
    }
    document["training"]["clip"] = 0.5
    recipe = recipe_of(document)
    alone = recipe_alone(recipe, "mood", load_dataset(recipe))
    assert (alone.sharing.kind, alone.sampling.kind, alone.balancing.kind) == ("hard", "temperature", "fixed")
    assert alone.training == recipe.training
    assert alone.encoder == recipe.encoder


def test_a_task_that_counts_for_nothing_beside_others_chooses_its_own_epoch(
    document: dict[str, Any], recipe_of: MakeRecipe
) -> None:
    document["tasks"]["mood"]["metric_weight"] = 0.0
    recipe = recipe_of(document)
    assert recipe_alone(recipe, "mood", load_dataset(recipe)).tasks["mood"].metric_weight == 1.0


def test_it_can_be_written_and_read_again(recipe: Recipe, tmp_path: Path) -> None:
    data = load_dataset(recipe)
    alone = recipe_alone(recipe, "places", data)
    (tmp_path / "alone.toml").write_text(recipe_to_toml(alone))
    read = load_recipe(tmp_path / "alone.toml")
    assert read == alone
    again, part = load_dataset(read), data.for_task("places")
    assert len(again.train) == len(part.train) == 24
    assert again.train.values("places", range(24)) == part.train.values("places", range(24))
