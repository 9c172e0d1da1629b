"""Tasks are added to a model by a recipe of their own, from a file to a folder."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import polyhead
from polyhead.data.reading import read_rows
from polyhead.errors import DataError, FolderError, RecipeError, UsageError
from polyhead.export.samples import recipe_sources
from polyhead.folder import read_manifest, sha256_of
from polyhead.recipe import load_recipe, parse_recipe
from polyhead.runtime.predictor import Predictor
from polyhead.training.adding import load_added_recipe
from polyhead.training.evaluation import evaluate
from polyhead.training.progress import Silent
from polyhead.training.result import Earlier
from polyhead.training.train import train

NAMES = ("Oslo", "Lima", "Bergen", "Quito")
ADDED = """
[tasks.places]
kind = "entities"
[tasks.warmth]
kind = "classification"
[[data.train]]
path = "new.jsonl"
[[data.dev]]
path = "new.jsonl"
[training]
epochs = 2
"""


class Leaving(Silent):
    """Interrupts after the first epoch."""

    def evaluated(self, record: Mapping[str, Any], metrics: Mapping[str, Any] | None, *, best: bool) -> None:  # noqa: ARG002
        if record["epoch"]:
            raise KeyboardInterrupt


def rows(*fields: str) -> str:
    lines: list[str] = []
    for number in range(12):
        name, cold = NAMES[number % 4], number % 2 == 0
        row: dict[str, Any] = {"text": f"{name} {'is cold' if cold else 'is warm'} on day {number}"}
        row["about"] = "weather"[: 4 + number % 2]
        row["places"] = [{"start": 0, "end": len(name), "label": "CITY"}]
        row["warmth"] = "cold" if cold else "warm"
        lines.append(json.dumps({key: value for key, value in row.items() if key in ("text", *fields)}))
    return "\n".join(lines)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished model, which tests leave alone."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "old.jsonl").write_text(rows("about"))
    document = {
        "encoder": {"name": "compact", "projection": 16},
        "tasks": {"about": {"kind": "classification", "head": "mlp"}},
        "data": {split: [{"path": "old.jsonl"}] for split in ("train", "dev", "test")},
        "training": {"epochs": 2},
    }
    return train(parse_recipe(document, folder=folder, source="test"), output=folder / "model").folder


@pytest.fixture
def base(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "base"))


@pytest.fixture
def added(tmp_path: Path) -> Path:
    """A recipe of two tasks to add."""
    (tmp_path / "new.jsonl").write_text(rows("places", "warmth"))
    (tmp_path / "added.toml").write_text(ADDED)
    return tmp_path / "added.toml"


def replaced(predictor: Predictor, names: Sequence[str]) -> Predictor:
    """Keep some tasks of a predictor only."""
    predictor.tasks = {name: predictor.tasks[name] for name in names}
    return predictor


def told(folder: Path, tasks: Sequence[str] | None = None) -> list[Mapping[str, Any]]:
    texts = ["Oslo is cold on day 3", "", "Nobody came, and Lima slept " * 30]
    return [answer.to_json() for answer in polyhead.load(folder).predict(texts, tasks)]


def test_new_tasks_join_the_old_whose_answers_stay(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base)
    result = train(recipe, output=tmp_path / "more", base=base)
    assert told(tmp_path / "more", ["about"]) == told(base)
    assert list(polyhead.load(tmp_path / "more").tasks) == ["about", "places", "warmth"]
    assert result.dev is not None
    assert result.dev["tasks"].keys() == {"places", "warmth"}
    before, after = read_manifest(base), read_manifest(tmp_path / "more")
    assert after.encoder_sha256 == before.encoder_sha256
    assert after.ngrams == before.ngrams


def test_new_heads_are_trained(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base, overrides=["training.epochs=40"])
    result = train(recipe, output=tmp_path / "more", base=base)
    assert result.dev is not None
    assert result.dev["tasks"]["warmth"]["primary"] > 0.9
    assert result.dev["tasks"]["places"]["primary"] > 0.9


def test_the_folder_keeps_earlier_recipes_and_scores(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base)
    train(recipe, output=tmp_path / "more", base=base)
    more = tmp_path / "more"
    assert (more / "recipe-1.toml").read_text() == (base / "recipe.toml").read_text()
    assert "places" in (more / "recipe.toml").read_text()
    old, new = (json.loads((folder / "metrics.json").read_text()) for folder in (base, more))
    assert new["dev"]["tasks"].keys() == {"about", "places", "warmth"}
    assert new["dev"]["tasks"]["about"] == old["dev"]["tasks"]["about"]
    assert new["dev"]["all_right"] is None
    assert new["test"]["tasks"] == old["test"]["tasks"]
    for task in ("about", "places", "warmth"):
        assert f"| {task} |" in (more / "README.md").read_text()
    # A second time.
    (tmp_path / "third.jsonl").write_text(rows("warmth"))
    third = added.read_text().replace("tasks.warmth", "tasks.heat").replace('[tasks.places]\nkind = "entities"\n', "")
    third = third.replace('path = "new.jsonl"', 'path = "third.jsonl"\nfields = { heat = "warmth" }')
    (tmp_path / "third.toml").write_text(third)
    train(load_added_recipe(tmp_path / "third.toml", base=more), output=tmp_path / "most", base=more)
    assert (tmp_path / "most" / "recipe-2.toml").read_text() == (more / "recipe.toml").read_text()
    assert told(tmp_path / "most", ["about", "places", "warmth"]) == told(more)


def test_what_was_interrupted_ends_as_if_it_had_not_been(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base)
    train(recipe, output=tmp_path / "whole", base=base)

    saving = replace(recipe, training=replace(recipe.training, checkpoint_steps=1))
    with pytest.raises(KeyboardInterrupt):
        train(saving, output=tmp_path / "parts", base=base, progress=Leaving())
    train(saving, output=tmp_path / "parts", base=base, resume=True)
    one, other = (load_file(tmp_path / name / "heads.safetensors") for name in ("whole", "parts"))
    assert one.keys() == other.keys()
    assert all((one[name] == other[name]).all() for name in one)


def test_another_model_does_not_go_on(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base, overrides=["training.checkpoint_steps=1"])

    with pytest.raises(KeyboardInterrupt):
        train(recipe, output=tmp_path / "parts", base=base, progress=Leaving())
    manifest = json.loads((base / "polyhead.json").read_text())
    weights = load_file(base / "heads.safetensors")
    save_file({name: of * 2 for name, of in weights.items()}, base / "heads.safetensors")
    manifest["files"]["heads.safetensors"] = sha256_of(base / "heads.safetensors")
    (base / "polyhead.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="the model's heads"):
        train(recipe, output=tmp_path / "parts", base=base, resume=True)


def test_without_dev_rows_heads_about_texts_are_regressions(base: Path, added: Path, tmp_path: Path) -> None:
    text = added.read_text().replace('[[data.dev]]\npath = "new.jsonl"\n', "").replace("epochs = 2", "")
    added.write_text(text.replace('[tasks.places]\nkind = "entities"\n', ""))
    result = train(load_added_recipe(added, base=base), output=tmp_path / "more", base=base)
    assert result.history == []


def test_tables_of_the_model_are_faults_in_the_recipe(base: Path, added: Path) -> None:
    added.write_text('[encoder]\nname = "compact"\n[sharing]\nkind = "soft"\n' + added.read_text())
    with pytest.raises(RecipeError) as caught:
        load_added_recipe(added, base=base, overrides=["training.clip=-1"])
    assert [fault.where for fault in caught.value.faults] == ["encoder", "sharing", "training.clip"]


def test_a_recipe_says_what_the_model_is(base: Path, added: Path) -> None:
    recipe = load_added_recipe(added, base=base)
    assert (recipe.encoder.name, recipe.encoder.projection, recipe.encoder.pooling) == (str(base), 16, "mean")
    assert recipe.sharing.kind == "hard"


def test_what_is_no_model_cannot_grow(added: Path, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="must be a model folder"):
        load_added_recipe(added, base=tmp_path / "none")


def test_a_name_that_is_taken_leaves_nothing_behind(base: Path, added: Path, tmp_path: Path) -> None:
    added.write_text(added.read_text().replace("tasks.warmth", "tasks.about"))
    (tmp_path / "new.jsonl").write_text(rows("places", "about"))
    with pytest.raises(UsageError, match="'about' already"):
        train(load_added_recipe(added, base=base), output=tmp_path / "more", base=base)
    assert not (tmp_path / "more").exists()


def test_wrong_rows_are_faults_as_ever(base: Path, added: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text('{"text": "a", "warmth": 3}')
    with pytest.raises(DataError, match=r"new\.jsonl:1"):
        train(load_added_recipe(added, base=base), output=tmp_path / "more", base=base)


def test_a_folder_may_be_called_like_the_built_in_encoder(
    base: Path, added: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base.rename(tmp_path / "compact")
    monkeypatch.chdir(tmp_path)
    recipe = load_added_recipe(added, base="compact", overrides=["training.epochs=20"])
    result = train(recipe, output=tmp_path / "more", base="compact")
    predictor = polyhead.load(tmp_path / "more")
    read = read_rows(recipe.data.dev, {"warmth": predictor.tasks["warmth"]}, folder=recipe.folder).rows
    told = evaluate(replaced(predictor, ["warmth"]), read)
    assert result.dev is not None
    assert told["tasks"]["warmth"]["primary"] == result.dev["tasks"]["warmth"]["primary"]


def test_the_recipe_of_a_grown_model_adds_its_tasks_again(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base)
    train(recipe, output=tmp_path / "more", base=base)
    (tmp_path / "again.toml").write_text((tmp_path / "more" / "recipe.toml").read_text())
    again = load_added_recipe(tmp_path / "again.toml", base=base)
    assert again.training == recipe.training
    assert list(again.tasks) == list(recipe.tasks)


def test_the_rows_of_all_recipes_prove_an_export(base: Path, added: Path, tmp_path: Path) -> None:
    train(load_added_recipe(added, base=base), output=tmp_path / "more", base=base)
    for name in ("old", "new"):
        (tmp_path / "more" / f"{name}.jsonl").write_text(rows("about", "places", "warmth"))
    train_files, dev_files = recipe_sources(tmp_path / "more")
    assert [Path(source.path).name for source in train_files] == ["old.jsonl", "new.jsonl"]
    assert [Path(source.path).name for source in dev_files] == ["old.jsonl", "new.jsonl"]


def test_the_model_that_grows_is_not_written_over(base: Path, added: Path) -> None:
    for resume in (False, True):
        with pytest.raises(UsageError, match="must be another folder"):
            train(load_added_recipe(added, base=base), output=base, base=base, resume=resume)


def test_a_finished_model_of_other_tasks_is_not_taken_for_the_result(base: Path, added: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "other")
    with pytest.raises(UsageError, match="without 'places', 'warmth'"):
        train(load_added_recipe(added, base=base), output=tmp_path / "other", base=base, resume=True)


def test_exporting_the_model_in_between_changes_nothing(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base, overrides=["training.checkpoint_steps=1"])
    with pytest.raises(KeyboardInterrupt):
        train(recipe, output=tmp_path / "parts", base=base, progress=Leaving())
    manifest = json.loads((base / "polyhead.json").read_text())
    manifest["exports"]["onnx"] = {}
    (base / "polyhead.json").write_text(json.dumps(manifest))
    moved = base.rename(tmp_path / "elsewhere")
    recipe = load_added_recipe(added, base=moved, overrides=["training.checkpoint_steps=1"])
    train(recipe, output=tmp_path / "parts", base=moved, resume=True)
    assert list(polyhead.load(tmp_path / "parts").tasks) == ["about", "places", "warmth"]


def test_gradients_of_a_still_encoder_cannot_be_measured(base: Path, added: Path, tmp_path: Path) -> None:
    recipe = load_added_recipe(added, base=base, overrides=["balancing.kind=gradnorm"])
    with pytest.raises(UsageError, match="'gradnorm' where the encoder stands still"):
        train(recipe, output=tmp_path / "more", base=base)


def test_the_card_tells_each_task_by_the_rows_that_it_has(base: Path, added: Path, tmp_path: Path) -> None:
    train(load_added_recipe(added, base=base), output=tmp_path / "more", base=base)
    card = (tmp_path / "more" / "README.md").read_text()
    on_test, on_dev = (card.split(f"## Scores on {split}")[1].split("## ")[0] for split in ("test", "dev"))
    assert "| about |" in on_test
    assert "| about |" not in on_dev
    assert "| places |" in on_dev


def test_what_a_kill_at_the_end_left_undone_is_done(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "model"))
    (folder / "checkpoints").mkdir()
    (folder / ".lock").write_text("")
    shutil.rmtree(folder / "pictures")
    recipe = replace(load_recipe(folder / "recipe.toml"), folder=finished.parent)
    result = train(recipe, output=folder, resume=True)
    assert result.metrics["about"]
    assert not (folder / "checkpoints").exists()
    assert not (folder / ".lock").exists()
    assert any((folder / "pictures").iterdir())


@pytest.mark.parametrize("content", ["", "[]", '{"dev": {"f1": 0.5}, "test": 3}'])
def test_scores_that_others_wrote_are_left_out(base: Path, content: str) -> None:
    (base / "metrics.json").write_text(content)
    new = {"rows": 3, "all_right": 0.5, "tasks": {"warmth": {"primary": 0.5}}}
    assert Earlier.read(base).joined({"dev": new})["dev"]["tasks"] == new["tasks"]


def test_scores_of_before_need_not_be_there(base: Path) -> None:
    for name in ("metrics.json", "recipe.toml"):
        (base / name).unlink()
    earlier = Earlier.read(base)
    assert earlier.recipes == {}
    new = {"rows": 3, "all_right": 0.5, "tasks": {"warmth": {"primary": 0.5}}}
    assert earlier.joined({"dev": new, "test": None}) == {"dev": {**new, "all_right": None}, "test": None}
