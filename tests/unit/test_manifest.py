import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from polyhead.errors import FolderError
from polyhead.manifest import FORMAT_VERSION, POOLINGS, Manifest, is_inside
from polyhead.recipe import EncoderSettings
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

WHERE = Path("model/polyhead.json")


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        tasks={
            "topic": Classification(labels=("no", "Ünï", "c"), head="mlp", hidden=12, weight=0.5, dropout=0.2),
            "entities": Entities(labels=("PERSON", "LOC")),
        },
        pooling="attention",
        projection=24,
        width=32,
        max_tokens=128,
        overlap=0.125,
        padding_id=1,
        filler_id=2,
        versions={"polyhead": "0.1.0", "torch": "2"},
        files={"model.safetensors": "ab12", "1_Pooling/config.json": "cd34"},
    )


def changed(manifest: Manifest, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {**json.loads(json.dumps(manifest.to_json())), **changes}


def test_a_manifest_survives_json(manifest: Manifest) -> None:
    assert Manifest.from_json(changed(manifest), where=WHERE) == manifest


def test_the_order_of_the_tasks_survives(manifest: Manifest) -> None:
    backwards = replace(manifest, tasks=dict(reversed(manifest.tasks.items())))
    assert list(Manifest.from_json(changed(backwards), where=WHERE).tasks) == ["entities", "topic"]


def test_the_json_shows_kind_labels_and_the_hash_of_the_encoder(manifest: Manifest) -> None:
    document = changed(manifest)
    assert document["format_version"] == FORMAT_VERSION
    assert document["tasks"]["topic"]["kind"] == "classification"
    assert document["tasks"]["topic"]["labels"] == ["no", "Ünï", "c"]
    assert document["encoder_sha256"] == "ab12"


def test_a_manifest_cannot_be_changed(manifest: Manifest) -> None:
    with pytest.raises(TypeError):
        manifest.tasks["more"] = Classification(labels=("a", "b"))  # pyright: ignore[reportIndexIssue]
    with pytest.raises(AttributeError):
        manifest.width = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1", None])
def test_another_format_version_is_refused_with_both(manifest: Manifest, version: object) -> None:
    with pytest.raises(FolderError, match=f"format version {FORMAT_VERSION}. Found {version}, written by Polyhead 0.1"):
        Manifest.from_json(changed(manifest, format_version=version), where=WHERE)


def test_an_unknown_kind_of_task_is_refused_without_importing_anything(manifest: Manifest) -> None:
    document = changed(manifest, tasks={"topic": {"kind": "clasification", "labels": ["a"]}})
    with pytest.raises(FolderError, match=r"Found 'clasification'; did you mean 'classification'\?"):
        Manifest.from_json(document, where=WHERE)


@pytest.mark.parametrize(
    "changes",
    [
        {"tasks": None},
        {"tasks": {"topic": None}},
        {"tasks": {"topic": {"labels": ["a"]}}},
        {"tasks": {"topic": {"kind": 3}}},
        {"tasks": {"topic": {"kind": "../evil", "labels": ["a"]}}},
        {"tasks": {"topic": {"kind": "classification"}}},
        {"tasks": {"topic": {"kind": "classification", "labels": []}}},
        {"tasks": {"topic": {"kind": "classification", "labels": ["a"], "colour": "red"}}},
        {"width": "32"},
        {"width": True},
        {"max_tokens": None},
        {"projection": "wide"},
        {"ngrams": None},
        {"ngrams": "topic"},
        {"ngrams": ["tpoic"]},
        {"ngrams": ["entities"]},
        {"pooling": 3},
        {"pooling": "median"},
        {"width": 0},
        {"max_tokens": 0},
        {"padding_id": -1},
        {"filler_id": 2**40},
        {"overlap": 5.0},
        {"files": ["model.safetensors"]},
        {"files": {"model.safetensors": 3}},
        {"files": {"../secret": "ab"}},
        {"files": {"/etc/passwd": "ab"}},
        {"versions": 3},
    ],
)
def test_a_wrong_value_is_one_clear_error(manifest: Manifest, changes: Mapping[str, Any]) -> None:
    with pytest.raises(FolderError, match=r"polyhead\.json") as caught:
        Manifest.from_json(changed(manifest, **changes), where=WHERE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["format_version", "tasks", "pooling", "projection", "width", "versions", "files"])
def test_a_missing_value_is_one_clear_error(manifest: Manifest, key: str) -> None:
    document = changed(manifest)
    del document[key]
    with pytest.raises(FolderError, match=key):
        Manifest.from_json(document, where=WHERE)


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("model.safetensors", True),
        ("1_Pooling/config.json", True),
        ("..hidden", True),
        ("", False),
        ("../secret", False),
        ("a/../../secret", False),
        ("/etc/passwd", False),
        ("C:\\secret", False),
        ("..\\secret", False),
        ("a\0b", False),
    ],
)
def test_paths_of_a_manifest_stay_in_its_folder(name: str, inside: bool) -> None:  # noqa: FBT001
    assert is_inside(name) == inside


def test_manifest_and_recipe_know_the_same_poolings() -> None:
    assert get_args(get_type_hints(EncoderSettings)["pooling"]) == POOLINGS
