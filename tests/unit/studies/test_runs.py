"""A study's folder belongs to one recipe, and trains each of its models once."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from polyhead.data.dataset import load_dataset
from polyhead.errors import UsageError
from polyhead.recipe import Recipe
from polyhead.studies.runs import PARTIAL, STUDY, Run, StudyFolder
from polyhead.training.claiming import LOCK
from polyhead.training.progress import Silent


def test_no_two_runs_share_a_place() -> None:
    tasks = (None, "together", "alone-together", "x", "x-alone", "alone-x")
    places = [Run(seed, task).place for seed in (1, 11) for task in tasks]
    assert len(set(places)) == len(places)
    assert not any(one != other and other.startswith(f"{one}/") for one in places for other in places)


def go_to(folder: Path, recipe: Recipe, *, resume: bool) -> StudyFolder:
    """Go to the folder of a study, and leave it again."""
    with StudyFolder.opened(folder, recipe, resume=resume) as study:
        return study


def begun(recipe: Recipe, folder: Path) -> None:
    """Begin a study, and leave something of its first training."""
    go_to(folder, recipe, resume=False)
    (folder / "seed-5").mkdir()
    (folder / "seed-5" / "checkpoint").write_text("")


def test_a_folder_with_content_needs_resume(recipe: Recipe, tmp_path: Path) -> None:
    begun(recipe, tmp_path / "study")
    with pytest.raises(UsageError, match="must be a new folder"):
        go_to(tmp_path / "study", recipe, resume=False)
    go_to(tmp_path / "study", recipe, resume=True)


def test_resume_where_nothing_is_yet_begins(recipe: Recipe, tmp_path: Path) -> None:
    go_to(tmp_path / "study", recipe, resume=True)
    assert (tmp_path / "study" / STUDY).is_file()


def test_what_failed_before_its_first_step_leaves_the_folder_free(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "study" / "seed-5").mkdir(parents=True)
    (tmp_path / "study" / PARTIAL).write_text("{")
    (tmp_path / "study" / LOCK).write_text("")
    for clip in (0.5, 0.25):
        other = replace(recipe, training=replace(recipe.training, clip=clip))
        assert go_to(tmp_path / "study", other, resume=False).seconds == {}


def test_a_folder_has_one_comparison_at_a_time(recipe: Recipe, tmp_path: Path) -> None:
    with (
        StudyFolder.opened(tmp_path / "study", recipe, resume=False),
        pytest.raises(UsageError, match="one run at a time"),
    ):
        go_to(tmp_path / "study", recipe, resume=True)
    go_to(tmp_path / "study", recipe, resume=True)


def test_another_recipe_does_not_go_on(recipe: Recipe, tmp_path: Path) -> None:
    begun(recipe, tmp_path / "study")
    other = replace(recipe, training=replace(recipe.training, clip=0.5))
    with pytest.raises(UsageError, match=r"Found another training\.clip"):
        go_to(tmp_path / "study", other, resume=True)


def test_other_rows_do_not_go_on(recipe: Recipe, tmp_path: Path) -> None:
    begun(recipe, tmp_path / "study")
    with (tmp_path / "moods.jsonl").open("a") as file:
        file.write('\n{"said": "so mild", "mood": "mild"}')
    with pytest.raises(UsageError, match=r"moods\.jsonl"):
        go_to(tmp_path / "study", recipe, resume=True)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"fingerprint": 1}', "none"])
def test_a_folder_of_something_else_does_not_go_on(recipe: Recipe, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "model").write_text("")
    (folder / (STUDY if content != "none" else "notes.txt")).write_text(content)
    with pytest.raises(UsageError, match="polyhead compare"):
        go_to(folder, recipe, resume=True)


def test_a_file_is_no_folder(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "study").write_text("")
    with pytest.raises(UsageError, match="Found the file"):
        go_to(tmp_path / "study", recipe, resume=False)


def test_what_is_trained_is_not_trained_again(recipe: Recipe, tmp_path: Path) -> None:
    study = go_to(tmp_path / "study", recipe, resume=False)
    run, data = Run(5, None), load_dataset(recipe)
    study.train(run, recipe, data, progress=Silent())
    written = (study.model(run) / "polyhead.json").stat().st_mtime_ns
    first = study.seconds[run.place]
    again = go_to(tmp_path / "study", recipe, resume=True)
    assert again.seconds == {run.place: first}
    again.train(run, recipe, data, progress=Silent())
    assert (study.model(run) / "polyhead.json").stat().st_mtime_ns == written
    assert again.seconds[run.place] >= first
    shutil.rmtree(again.model(run))
    again.train(run, recipe, data, progress=Silent())
    assert again.seconds[run.place] > 0
    assert again.megabytes(run) == pytest.approx(
        sum((study.model(run) / f"{name}.safetensors").stat().st_size for name in ("model", "heads")) / 1e6
    )
