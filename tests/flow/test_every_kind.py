"""One recipe with every kind of task: trained, saved, opened and asked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyhead
from polyhead import registry
from polyhead.export.exporting import Exported, export_model
from polyhead.export.parity import alike
from polyhead.text.tokens import Passage

NAMES = ["Ada Brook", "Milo Stone", "Nia Oakes"]
MOODS = {"calm": ["slept", "rested", "waited"], "angry": ["shouted", "cursed", "raged"]}
SETTINGS: dict[str, dict[str, Any]] = {
    "topic": {"kind": "classification", "windows": "attention", "class_weights": "balanced"},
    "same": {"kind": "classification"},
    "moods": {"kind": "multilabel"},
    "length": {"kind": "regression"},
    "shape": {"kind": "regression", "numbers": 2, "objective": "huber"},
    "stars": {"kind": "ordinal", "labels": ["1", "2", "3"]},
    "pos": {"kind": "tagging", "subwords": "mean"},
    "people": {"kind": "entities"},
    "chain": {"kind": "entities", "decoder": "crf"},
    "nested": {"kind": "entities", "decoder": "span", "max_words": 4},
    "meaning": {"kind": "embedding", "widths": [32]},
}


def row(number: int) -> dict[str, Any]:
    name, mood = NAMES[number % 3], ("calm", "angry")[number % 2]
    verb, times = MOODS[mood][number % 3], number % 3 + 1
    tokens = [*name.split(), verb, *["again"] * times]
    person = {"start": 0, "end": len(name), "label": "PERSON"}
    first = {"start": 0, "end": name.index(" "), "label": "FIRST"}
    found: dict[str, Any] = {
        "tokens": tokens,
        "topic": mood,
        "moods": [mood] if number % 5 else {"yes": [mood], "no": []},
        "length": 10.0 * times,
        "shape": [float(times), None if number % 4 else -1.0],
        "stars": times,
        "pos": ["N", "N", "V", *["A"] * times],
        "people": [person],
        "chain": [person],
        "nested": [person, first],
        "meaning": {"positive": f"{verb} {name}", "negative": "nothing at all"},
    }
    if number % 3 == 0:
        found |= {"text_pair": f"{name} {verb}", "same": "yes"}
        found["meaning"] = times / 3
    elif number % 3 == 1:
        found |= {"text_pair": "Somebody else", "same": "no"}
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("every-kind")
    for split, numbers in (("train", range(60)), ("dev", range(60, 84)), ("test", range(84, 99))):
        (place / f"{split}.jsonl").write_text("\n".join(json.dumps(row(number)) for number in numbers))
    tables = [
        f"[tasks.{name}]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in of.items())
        for name, of in SETTINGS.items()
    ]
    sources = [f'[[data.{split}]]\npath = "{split}.jsonl"' for split in ("train", "dev", "test")]
    training = "[training]\nepochs = 12\nbatch_tokens = 512\nseed = 1"
    recipe = place / "recipe.toml"
    recipe.write_text("\n".join(['[encoder]\nname = "compact"\nmax_tokens = 24', *tables, *sources, training]))
    polyhead.train(polyhead.load_recipe(recipe), output=place / "model")
    return place / "model"


@pytest.fixture(scope="module")
def predictor(folder: Path) -> polyhead.Predictor:
    return polyhead.load(folder, engine="torch")


@pytest.fixture(scope="module")
def exported(folder: Path) -> Exported:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.parent)
        return export_model(folder, int8=True, allow_loss=True)


def test_the_recipe_has_every_kind() -> None:
    assert {settings["kind"] for settings in SETTINGS.values()} == set(registry.kinds("tasks"))


def test_every_task_is_scored_and_learns_something(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())["test"]
    assert set(metrics["tasks"]) == set(SETTINGS)
    assert all(0.0 <= task["primary"] <= 1.0 and task["rows"] for task in metrics["tasks"].values())
    learned = {name for name, task in metrics["tasks"].items() if task["primary"] > 0.6}
    assert learned >= {"topic", "moods", "length", "stars", "pos", "people", "chain", "nested"}


def test_what_training_fills_in_is_in_the_manifest_and_not_in_the_recipe(folder: Path) -> None:
    tasks = json.loads((folder / "polyhead.json").read_text())["tasks"]
    assert len(tasks["moods"]["thresholds"]) == 2
    assert tasks["length"]["centers"] == pytest.approx([20.0], abs=0.5)
    assert len(tasks["chain"]["transitions"]) == 3
    assert any(abs(score) > 0 for scores in tasks["chain"]["transitions"] for score in scores)
    assert len(tasks["nested"]["lengths"]) == 4
    assert len(tasks["stars"]["cuts"]) == 2
    assert "thresholds" not in (folder / "recipe.toml").read_text()
    again = polyhead.load_recipe(folder / "recipe.toml")
    assert again.tasks["moods"].labels == ("angry", "calm")


def test_the_answers_have_the_shapes_of_their_kinds(predictor: polyhead.Predictor) -> None:
    text = "Nia Oakes shouted again"
    (answer,) = predictor.predict([text])
    document = json.loads(json.dumps(answer.to_json(), allow_nan=False))
    assert (document["windows"], document["truncated"]) == (1, False)
    assert {name: task["kind"] for name, task in document["tasks"].items()} == {
        name: settings["kind"] for name, settings in SETTINGS.items()
    }
    for name in ("people", "chain", "nested"):
        assert all(text[span["start"] : span["end"]] == span["text"] for span in document["tasks"][name]["spans"])
    assert [token["text"] for token in document["tasks"]["pos"]["tokens"]] == text.split()
    assert np.allclose(document["tasks"]["meaning"]["vector"], predictor.embed([text])[0], atol=1e-6)


def test_nested_spans_are_found(predictor: polyhead.Predictor) -> None:
    (answer,) = predictor.predict(["Ada Brook slept again"], ["nested"])
    assert {(span.text, span.label) for span in answer["nested"].spans} == {("Ada Brook", "PERSON"), ("Ada", "FIRST")}


def test_given_tokens_are_tagged_as_they_were_given(predictor: polyhead.Predictor) -> None:
    passage = Passage("Nia Oakes shouted", tokens=np.array([[0, 9], [10, 17]]))
    (answer,) = predictor.predict([passage], ["pos"])
    assert [token.text for token in answer["pos"].tokens] == ["Nia Oakes", "shouted"]


def test_a_pair_is_answered_otherwise_than_its_first_text(predictor: polyhead.Predictor) -> None:
    alone, pair = predictor.predict(["Ada Brook slept", Passage("Ada Brook slept", "Somebody else")], ["same"])
    assert alone["same"].scores != pair["same"].scores


def test_a_long_text_is_read_to_its_end(predictor: polyhead.Predictor) -> None:
    text = " ".join(["Nia Oakes shouted again and again."] * 40)
    (answer,) = predictor.predict([text])
    assert answer.windows > 5
    assert not answer.truncated
    assert answer["people"].spans[-1].start > len(text) - 40
    assert len(answer["pos"].tokens) == 40 * 7


def test_pictures_are_drawn_for_what_the_metrics_hold(folder: Path) -> None:
    drawn = {path.stem for path in (folder / "pictures").glob("*.png")}
    assert drawn >= {"confusion-topic", "scatter-length", "labels-moods", "confusion-pos", "labels-people"}


def test_the_graph_of_every_kind_is_built_and_compared_on_pairs_too(exported: Exported) -> None:
    assert exported.way == "built"
    assert exported.parity.texts == 60 + 5
    assert exported.parity.holds
    measured = exported.int8["onnx-int8"]
    assert set(measured.before) == set(measured.after) == set(SETTINGS)


@pytest.mark.usefixtures("exported")
def test_every_kind_answers_alike_from_the_graph(folder: Path, predictor: polyhead.Predictor) -> None:
    asked = ["", "Ada Brook slept", Passage("Milo Stone waited", "Somebody else"), "Nia Oakes raged again. " * 30]
    answers = polyhead.load(folder, engine="onnx").predict(asked)
    for answer, expected in zip(answers, predictor.predict(asked), strict=True):
        assert alike(answer.to_json(), expected.to_json()), answer.text
