"""All splits of a recipe together: labels read off training rows, all faults at once, and rows left out on request."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from polyhead.data.dataset import Dataset, load_dataset, read_dataset
from polyhead.errors import DataError
from polyhead.recipe import Recipe
from polyhead.recipe_sources import SplitShares
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

Save = Callable[..., str]
MakeRecipe = Callable[..., Recipe]
TOPIC = {"topic": {"kind": "classification"}}


def entity(label: str) -> list[dict[str, object]]:
    return [{"start": 0, "end": 1, "label": label}]


TRAIN = (
    {"text": "a", "topic": "y", "entities": entity("ORG")},
    {"text": "b", "topic": "x"},
    {"text": "c", "entities": entity("LOC")},
    {"text": "d"},
)


def faults_of(recipe: Recipe) -> list[str]:
    with pytest.raises(DataError) as caught:
        load_dataset(recipe)
    return [str(fault) for fault in caught.value.faults]


def labels(dataset: Dataset, task: str) -> Sequence[str] | None:
    record = dataset.tasks[task]
    assert isinstance(record, Classification | Entities)
    return record.labels


def test_labels_are_read_off_the_training_rows_and_sorted(save: Save, make_recipe: MakeRecipe) -> None:
    dataset = load_dataset(make_recipe(splits={"train": [save(*TRAIN)]}))
    assert labels(dataset, "topic") == ("x", "y")
    assert labels(dataset, "entities") == ("LOC", "ORG")
    assert (dataset.dev, dataset.test, dataset.skipped) == (None, None, ())
    assert list(dataset.splits()) == ["train"]


def test_declared_labels_keep_their_order(save: Save, make_recipe: MakeRecipe) -> None:
    tasks = {"topic": {"kind": "classification", "labels": ["z", "y", "x"], "weight": 2.0}}
    dataset = load_dataset(make_recipe(tasks=tasks, splits={"train": [save(*TRAIN)]}))
    assert labels(dataset, "topic") == ("z", "y", "x")
    assert dataset.tasks["topic"].weight == 2.0


def test_splits_are_read_from_their_own_files(save: Save, make_recipe: MakeRecipe) -> None:
    names = {split: [save(*TRAIN[: 3 - i], name=f"{split}.jsonl")] for i, split in enumerate(("train", "dev", "test"))}
    dataset = load_dataset(make_recipe(splits=names))
    assert {split: len(rows) for split, rows in dataset.splits().items()} == {"train": 3, "dev": 2, "test": 1}
    assert dataset.test is not None
    assert dataset.test.place(0) == "test.jsonl:1"


def test_a_path_may_be_absolute(save: Save, make_recipe: MakeRecipe, tmp_path: Path) -> None:
    path = str(tmp_path / save(*TRAIN))
    dataset = load_dataset(make_recipe(splits={"train": [path]}))
    assert dataset.train.place(1) == f"{path}:2"


def test_the_faults_of_all_splits_come_at_once(save: Save, make_recipe: MakeRecipe) -> None:
    splits = {
        "train": [save(*TRAIN, "broken", name="train.jsonl"), "absent.jsonl"],
        "dev": [save(*TRAIN, {"text": 1}, name="dev.jsonl")],
        "test": [save(*TRAIN, {"text": "a", "topic": 3}, name="test.jsonl"), save(name="empty.jsonl")],
    }
    assert [fault.split(": ")[0] for fault in faults_of(make_recipe(splits=splits))] == [
        "absent.jsonl",
        "train.jsonl:5",
        "dev.jsonl:5",
        "empty.jsonl",
        "test.jsonl:5",
    ]


def test_a_task_without_labelled_training_rows_is_a_fault(save: Save, make_recipe: MakeRecipe) -> None:
    splits = {"train": [save(TRAIN[1], name="train.jsonl")], "dev": [save(*TRAIN, name="dev.jsonl")]}
    faults = faults_of(make_recipe(splits=splits))
    assert faults == [
        (
            "dev.jsonl:1: topic: a label must be among the labels of the training rows. Found 'y'. "
            'Declare it in `tasks.topic.labels`, or leave such rows out with `on_bad_rows = "skip"`.'
        ),
        (
            "tasks.topic: labels must be 2 or more, declared or in the training rows. Found 'x' alone. "
            "Declare them in `tasks.topic.labels`."
        ),
        (
            "tasks.entities: a task must have a labelled training row. Found none in 1 rows. "
            "Name its column in `fields` of `data.train`, or remove the task."
        ),
    ]


def test_a_task_whose_rows_name_no_label_must_declare_them(save: Save, make_recipe: MakeRecipe) -> None:
    name = save({"text": "a", "topic": "x", "entities": []}, {"text": "b", "topic": "y", "entities": []})
    assert faults_of(make_recipe(splits={"train": [name]})) == [
        (
            "tasks.entities: labels must be declared or occur in the training rows. Found none in 2 labelled rows. "
            "Declare them in `tasks.entities.labels`."
        )
    ]


def test_declared_labels_may_be_absent_from_the_rows(save: Save, make_recipe: MakeRecipe) -> None:
    tasks = {**TOPIC, "entities": {"kind": "entities", "labels": ["ORG"]}}
    name = save({"text": "a", "topic": "x", "entities": []}, {"text": "b", "topic": "y"})
    assert load_dataset(make_recipe(tasks=tasks, splits={"train": [name]})).train.counts("entities") == {}


def test_a_test_label_that_was_never_trained_is_kept(save: Save, make_recipe: MakeRecipe) -> None:
    odd = {"text": "e", "topic": "never"}
    splits = {"train": [save(*TRAIN, name="train.jsonl")], "test": [save(odd, name="test.jsonl")]}
    dataset = load_dataset(make_recipe(splits=splits))
    assert dataset.test is not None
    assert dataset.test.values("topic", [0]) == ["never"]
    assert labels(dataset, "topic") == ("x", "y")


def test_a_test_label_that_is_not_declared_is_a_fault(save: Save, make_recipe: MakeRecipe) -> None:
    tasks = {"topic": {"kind": "classification", "labels": ["x", "y"]}}
    splits = {"train": [save(*TRAIN, name="a.jsonl")], "test": [save({"text": "e", "topic": "z"}, name="b.jsonl")]}
    (fault,) = faults_of(make_recipe(tasks=tasks, splits=splits))
    assert fault.startswith("b.jsonl:1: topic: a label must be among `tasks.topic.labels`. Found 'z'.")


def test_dev_labels_are_not_judged_by_a_file_that_is_missing(save: Save, make_recipe: MakeRecipe) -> None:
    splits = {"train": [save(TRAIN[1], name="train.jsonl"), "absent.jsonl"], "dev": [save(*TRAIN, name="dev.jsonl")]}
    (fault,) = faults_of(make_recipe(splits=splits))
    assert fault.startswith("absent.jsonl: the file must exist.")


def test_bad_rows_are_left_out_when_the_recipe_says_so(save: Save, make_recipe: MakeRecipe) -> None:
    splits = {
        "train": [save("broken", *TRAIN, {"text": "a", "topic": 1}, name="train.jsonl")],
        "dev": [save(*TRAIN, {"text": "a", "topic": "never"}, name="dev.jsonl")],
    }
    dataset = load_dataset(make_recipe(splits=splits, on_bad_rows="skip"))
    assert {split: len(rows) for split, rows in dataset.splits().items()} == {"train": 4, "dev": 4}
    assert [fault.where for fault in dataset.skipped] == ["train.jsonl:1", "train.jsonl:6", "dev.jsonl:5"]


def test_a_missing_file_is_never_skipped(save: Save, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(splits={"train": [save(*TRAIN), "absent.jsonl"]}, on_bad_rows="skip")
    (fault,) = faults_of(recipe)
    assert fault.startswith("absent.jsonl")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_a_split_of_which_nothing_is_left_is_a_fault(split: str, save: Save, make_recipe: MakeRecipe) -> None:
    splits = {
        "train": [save(*TRAIN, name="train.jsonl")],
        split: [save("broken", {"text": 1, "topic": "x"}, name="bad.jsonl")],
    }
    assert faults_of(make_recipe(splits=splits, on_bad_rows="skip")) == [
        f"data.{split}: the split must have a good row. Found faults in all 2 rows."
    ]


def test_shares_must_leave_a_row_for_each_split(save: Save, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(splits={"train": [save(TRAIN[0])]})
    recipe = replace(recipe, data=replace(recipe.data, split=SplitShares(dev=0.9)))
    assert any(fault.startswith("data.split: the shares must leave a row for") for fault in faults_of(recipe))


def test_weights_of_labels_that_no_row_bears_are_a_fault(save: Save, make_recipe: MakeRecipe) -> None:
    tasks = {"topic": {"kind": "classification", "class_weights": {"x": 2.0, "yy": 1.0}}}
    (fault,) = faults_of(make_recipe(tasks=tasks, splits={"train": [save(*TRAIN)]}))
    assert fault.startswith("tasks.topic.class_weights: must name labels of the task. Found 'yy'; did you mean 'y'?")


def test_what_could_be_read_is_there_beside_the_faults(save: Save, make_recipe: MakeRecipe) -> None:
    dataset, faults = read_dataset(make_recipe(splits={"train": [save(*TRAIN, "broken")]}))
    assert len(dataset.train) == 4
    assert [fault.where for fault in faults] == ["rows.jsonl:5"]
    assert labels(dataset, "topic") == ("x", "y")


def test_the_error_is_one_readable_block(save: Save, make_recipe: MakeRecipe) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(make_recipe(splits={"train": [save(*TRAIN, *["broken"] * 70)]}))
    lines = str(caught.value).splitlines()
    assert lines[0] == "the data cannot be trained on: 70 faults"
    assert lines[1] == "  rows.jsonl:5: a line must be one JSON object. Found 'Expecting value' at column 1."
    assert lines[-1] == "  … and 20 more"


def test_texts_that_are_all_null_are_told_so(save: Save, make_recipe: MakeRecipe) -> None:
    (fault, *_) = faults_of(make_recipe(splits={"train": [save({"text": None, "topic": "x"})]}))
    assert fault.startswith("rows.jsonl: the file must have the column 'text' for the text. Found nothing in it.")


def test_a_task_has_its_rows_as_if_there_were_no_other(make_recipe: MakeRecipe, save: Save) -> None:
    train, dev = save(*TRAIN, name="train.jsonl"), save({"text": "e", "topic": "x"}, name="dev.jsonl")
    data = load_dataset(make_recipe(splits={"train": [train], "dev": [dev]}))
    topic = data.for_task("topic")
    assert list(topic.tasks) == ["topic"]
    assert labels(topic, "topic") == ("x", "y")
    assert topic.train.texts(range(2)) == ["a", "b"]
    assert topic.splits().keys() == {"train", "dev"}
    entities = data.for_task("entities")
    assert entities.train.texts(range(2)) == ["a", "c"]
    assert entities.splits().keys() == {"train"}
