from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.cli.demo import NEW_TEXTS, unused_folder
from polyhead.recipe import load_recipe

Run = Callable[..., Any]


def test_a_folder_that_exists_gets_a_numbered_sibling(tmp_path: Path) -> None:
    wanted = tmp_path / "polyhead-demo"
    assert unused_folder(wanted) == wanted
    wanted.mkdir()
    assert unused_folder(wanted).name == "polyhead-demo-2"
    (tmp_path / "polyhead-demo-2").mkdir()
    assert unused_folder(wanted).name == "polyhead-demo-3"


def test_it_trains_scores_answers_and_says_what_to_run_next(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two steps show the way; how well the demo learns is measured elsewhere.
    monkeypatch.setattr(
        polyhead, "load_recipe", lambda path: load_recipe(path, overrides=["training.max_steps=2"]), raising=False
    )
    monkeypatch.chdir(tmp_path)
    finished = run("demo")
    assert finished.status == 0, finished.err
    assert (tmp_path / "polyhead-demo" / "polyhead.json").is_file()
    for part in (
        "topic",
        "sentiment",
        "entities",
        "never seen",
        "Next:",
        "polyhead predict polyhead-demo",
        "pretrained",
    ):
        assert part in finished.out
    for text in NEW_TEXTS:
        assert text in finished.out
