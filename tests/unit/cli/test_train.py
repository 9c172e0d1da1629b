import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest

Run = Callable[..., Any]

RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[[data.train]]
path = "train.jsonl"
[[data.dev]]
path = "dev.jsonl"
[training]
max_steps = 2
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = [{"text": f"number {number}", "topic": "ab"[number % 2]} for number in range(8)]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def test_a_recipe_becomes_a_folder_that_answers(run: Run, recipe: Path, tmp_path: Path) -> None:
    finished = run("train", recipe, "--output", tmp_path / "model", "--set", "training.max_steps=1")
    assert finished.status == 0, finished.err
    for part in ("dev: 8 rows", "accuracy", f"polyhead predict {tmp_path / 'model'}"):
        assert part in finished.out
    assert "rows: train 8, dev 8" in finished.err
    assert {"polyhead.json", "metrics.json", "README.md", "pictures"} <= {
        p.name for p in (tmp_path / "model").iterdir()
    }
    answered = run("predict", tmp_path / "model", "a text", "--json")
    assert json.loads(answered.out)["tasks"]["topic"]["label"] in {"a", "b"}


def test_an_output_that_exists_is_left_alone(run: Run, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine")
    finished = run("train", recipe, "--output", tmp_path / "model")
    assert finished.status == 2
    assert "must be a new folder" in finished.err
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine.txt"]


def test_bad_rows_keep_training_from_starting(run: Run, recipe: Path, tmp_path: Path) -> None:
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write('\n{"text": "broken\n{"topic": "a"}\n')
    finished = run("train", recipe, "--output", tmp_path / "model")
    assert finished.status == 1
    assert "train.jsonl:9" in finished.err
    assert "train.jsonl:10" in finished.err
    assert not (tmp_path / "model").exists()


def test_ctrl_c_says_how_to_go_on_and_leaves_with_130(
    run: Run, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*words: object, **settings: object) -> Never:  # noqa: ARG001
        raise KeyboardInterrupt

    monkeypatch.setattr("polyhead.training.train.train", interrupt)
    finished = run("train", recipe, "--output", tmp_path / "model")
    assert finished.status == 130
    assert f"polyhead train {recipe} --output {tmp_path / 'model'} --resume" in finished.err


def test_a_training_that_ends_within_an_epoch_tells_its_steps(run: Run, recipe: Path, tmp_path: Path) -> None:
    short = ("--set", "training.max_steps=1", "--set", "training.batch_tokens=8")
    finished = run("train", recipe, "--output", tmp_path / "short", *short)
    assert "step 1  loss topic" in finished.err
    assert "epoch 0" not in finished.err


def test_rows_that_are_left_out_are_counted_and_listed(run: Run, recipe: Path, tmp_path: Path) -> None:
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write('\n{"text": 5, "topic": 6}\n{"topic": "a"}\n')
    finished = run("train", recipe, "--output", tmp_path / "model", "--set", 'on_bad_rows="skip"')
    assert finished.status == 0, finished.err
    assert "skipped 2 bad rows:" in finished.err
    for line in (9, 10):
        assert f"train.jsonl:{line}: " in finished.err
