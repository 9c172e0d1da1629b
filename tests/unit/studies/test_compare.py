"""All tasks together and each alone, on the same rows, from a recipe to a report."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.dataset import Dataset
from polyhead.errors import DataError, EncoderUnavailableError, UsageError
from polyhead.loading import load
from polyhead.recipe import Recipe, load_recipe
from polyhead.studies.compare import compare
from polyhead.studies.comparison import Comparison
from polyhead.training.progress import Silent

MakeRecipe = Callable[..., Recipe]


@dataclass(frozen=True)
class Study:
    """A study that is finished.

    Args:
        recipe: what it is of.
        folder: its folder.
        found: what it found.
        said: what it told.
    """

    recipe: Recipe
    folder: Path
    found: Comparison
    said: Sequence[str]


@pytest.fixture(scope="module")
def study(lasting_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Study:
    said: list[str] = []

    class Noted(Silent):
        def note(self, sentence: str) -> None:
            said.append(sentence)

    folder = tmp_path_factory.mktemp("compared") / "study"
    return Study(lasting_recipe, folder, compare(lasting_recipe, output=folder, seeds=2, progress=Noted), said)


def test_a_recipe_becomes_a_report(study: Study) -> None:
    told = json.loads((study.folder / "report.json").read_text())
    assert told == study.found.to_json()
    assert told["tasks"].keys() == {"mood", "places"}
    assert (told["split"], told["rows"], told["seeds"]) == ("test", 24, [5, 6])
    for of in (*told["tasks"].values(), told["mean"], told["all_right"]):
        assert of["difference"] == pytest.approx(of["together"] - of["alone"])
        assert of["interval"][0] <= of["difference"] <= of["interval"][1]
        assert len(of["seeds"]) == 2
    assert told["cost"]["alone"]["megabytes"] > told["cost"]["together"]["megabytes"] > 0
    assert told["cost"]["alone"]["training_minutes"] > 0


def test_it_tells_which_model_is_trained(study: Study) -> None:
    assert [sentence for sentence in study.said if "training" in sentence][:3] == [
        "all tasks together, seed 5: training 1 of 6",
        "mood alone, seed 5: training 2 of 6",
        "places alone, seed 5: training 3 of 6",
    ]
    assert study.said[-1] == "6 models are asked about 24 test rows"


def test_the_models_are_those_that_the_report_is_about(study: Study) -> None:
    for seed, scores in zip((5, 6), study.found.to_json()["tasks"]["mood"]["seeds"], strict=True):
        for place, score in (("together", scores["together"]), ("alone-mood", scores["alone"])):
            folder = study.folder / f"seed-{seed}" / place
            metrics = json.loads((folder / "metrics.json").read_text())["test"]["tasks"]["mood"]
            assert metrics["primary"] == pytest.approx(score)
            assert load_recipe(folder / "recipe.toml").training.seed == seed
    assert list(load(study.folder / "seed-5" / "alone-places").tasks) == ["places"]


def test_more_seeds_go_on_from_fewer(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.folder, tmp_path / "study")
    found = compare(study.recipe, output=tmp_path / "study", seeds=3, resume=True)
    assert found.seeds == (5, 6, 7)
    before = study.found.differences.tasks["mood"].seeds
    assert found.differences.tasks["mood"].seeds[:2] == before


def test_what_was_interrupted_goes_on(recipe: Recipe, tmp_path: Path) -> None:
    class Leaving(Silent):
        def note(self, sentence: str) -> None:
            if "training 3" in sentence:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(recipe, output=tmp_path / "study", seeds=2, progress=Leaving)
    with pytest.raises(UsageError, match="go on with --resume"):
        compare(recipe, output=tmp_path / "study", seeds=2)
    done = (tmp_path / "study" / "seed-5" / "together" / "polyhead.json").stat().st_mtime_ns
    assert not (tmp_path / "study" / "report.html").exists()
    compare(recipe, output=tmp_path / "study", seeds=2, resume=True)
    assert (tmp_path / "study" / "seed-5" / "together" / "polyhead.json").stat().st_mtime_ns == done
    assert (tmp_path / "study" / "report.html").is_file()


def test_dev_rows_judge_where_there_are_no_others(
    document: dict[str, Any], recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    document["data"]["dev"] = document["data"].pop("test")
    # A task that is only evaluated has no training of its own.
    document["tasks"]["again"] = {"kind": "classification", "weight": 0.0}
    document["data"]["train"][0]["fields"] = document["data"]["dev"][0]["fields"] = {"again": "mood"}
    found = compare(recipe_of(document), output=tmp_path / "study", seeds=2)
    assert found.split == "dev"
    assert set(found.differences.tasks) == {"mood", "places"}


def test_shares_of_the_training_rows_are_the_same_for_all(
    document: dict[str, Any], recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    rows = (tmp_path / "train.jsonl").read_text().splitlines()
    more = [row.replace(" on day ", " on my day ") for row in rows]
    (tmp_path / "train.jsonl").write_text("\n".join([*rows, *more]))
    document["data"] |= {"test": [], "split": {"dev": 0.1, "test": 0.6}}
    found = compare(recipe_of(document), output=tmp_path / "study", seeds=2)
    metrics = [
        json.loads((tmp_path / "study" / "seed-6" / place / "metrics.json").read_text())["test"]["tasks"]["mood"]
        for place in ("together", "alone-mood")
    ]
    assert metrics[0]["rows"] == metrics[1]["rows"] == found.rows


def test_one_task_has_nothing_to_be_compared_with(
    document: dict[str, Any], recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    del document["tasks"]["places"]
    with pytest.raises(UsageError, match="2 tasks or more"):
        compare(recipe_of(document), output=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_one_seed_tells_nothing(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`seeds` must be 2 or more"):
        compare(recipe, output=tmp_path / "study", seeds=1)


def test_rows_to_judge_by_must_be_there(document: dict[str, Any], recipe_of: MakeRecipe, tmp_path: Path) -> None:
    del document["data"]["test"]
    with pytest.raises(DataError, match=r"data\.test"):
        compare(recipe_of(document), output=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_a_task_with_few_rows_to_judge_by_is_a_fault(
    document: dict[str, Any], recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    document["data"]["test"] = [{"path": "moods.jsonl", "fields": {"text": "said"}}]
    with pytest.raises(DataError) as caught:
        compare(recipe_of(document), output=tmp_path / "study")
    assert [fault.where for fault in caught.value.faults] == ["tasks.mood", "tasks.places"]
    assert "Found 8" in str(caught.value)
    assert "Found 0" in str(caught.value)


def test_rows_that_one_task_cannot_take_are_left_out_for_all(
    document: dict[str, Any], recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    cut = {"text": "Limabean soup", "mood": "warm", "places": [{"start": 0, "end": 4, "label": "CITY"}]}
    for split in ("train", "test"):
        with (tmp_path / f"{split}.jsonl").open("a") as file:
            file.write("\n" + json.dumps(cut))
    document["on_bad_rows"] = "skip"
    said: list[tuple[int, int]] = []

    class Counting(Silent):
        def data(self, data: Dataset) -> None:
            said.append((len(data.train), int(data.test is not None and len(data.test))))

    compare(recipe_of(document), output=tmp_path / "study", seeds=2, progress=Counting)
    assert said[:3] == [(32, 24), (32, 24), (24, 24)]


def test_rows_are_counted_once_the_bad_ones_are_out(
    document: dict[str, Any], recipe_of: MakeRecipe, tmp_path: Path
) -> None:
    cut = {"text": "Limabean soup", "mood": "warm", "places": [{"start": 0, "end": 4, "label": "CITY"}]}
    good = (tmp_path / "test.jsonl").read_text().splitlines()[:19]
    (tmp_path / "test.jsonl").write_text("\n".join([*good, *[json.dumps(cut)] * 5]))
    document["on_bad_rows"] = "skip"
    with pytest.raises(DataError, match="Found 19"):
        compare(recipe_of(document), output=tmp_path / "study")


def test_a_comparison_that_could_not_begin_can_be_begun_again(recipe: Recipe, tmp_path: Path) -> None:
    wrong = replace(recipe, encoder=replace(recipe.encoder, name=str(tmp_path / "none")))
    for _ in range(2):
        with pytest.raises(EncoderUnavailableError):
            compare(wrong, output=tmp_path / "study", seeds=2)
    assert compare(recipe, output=tmp_path / "study", seeds=2).seeds == (5, 6)


def test_it_runs_in_one_process(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one process"):
        compare(recipe, output=tmp_path / "study")
