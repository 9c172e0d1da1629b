"""`polyhead compare`: what it prints, and how it refuses."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from polyhead.studies.comparison import Comparison, Cost, Differences
from polyhead.studies.differences import Difference

Run = Callable[..., Any]
RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[tasks.mood]
kind = "classification"
[[data.train]]
path = "train.jsonl"
[[data.dev]]
path = "dev.jsonl"
[training]
max_steps = 1
"""


def difference(middle: float, reach: float = 0.01) -> Difference:
    return Difference(((0.5, 0.5 + middle),) * 2, (middle - reach, middle + reach))


@pytest.fixture
def found() -> Comparison:
    return Comparison(
        split="test",
        rows=1500,
        seeds=(0, 1),
        differences=Differences(
            tasks={"topic": difference(0.02), "mood": difference(-0.03)},
            mean=difference(-0.005),
            all_right=difference(0.0),
        ),
        together=Cost(megabytes=10.0, milliseconds_a_text=1.5, training_minutes=2.0),
        alone=Cost(megabytes=20.0, milliseconds_a_text=3.0, training_minutes=3.0),
    )


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = [{"text": f"number {number}", "topic": "ab"[number % 2], "mood": "cd"[number % 2]} for number in range(24)]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def test_a_person_gets_a_table(
    run: Run, recipe: Path, tmp_path: Path, found: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyhead.studies.compare.compare", lambda *_, **__: found)
    finished = run("compare", recipe, "--output", tmp_path / "study")
    assert finished.status == 0, finished.err
    lines = [" ".join(line.strip("│ ").replace("│", "|").split()) for line in finished.out.splitlines()]
    assert "topic | 0.500 | 0.520 | +0.020 | +0.010 to +0.030 | helps" in lines
    assert "mood | 0.500 | 0.470 | -0.030 | -0.040 to -0.020 | hurts" in lines
    assert "mean of the tasks | 0.500 | 0.495 | -0.005 | -0.015 to +0.005 | no difference shown" in lines
    assert "1,500 test rows, 2 seeds" in finished.out
    assert "one for all 10.0 MB, 1.50 ms a text, trained in 2.0 min" in lines
    assert "report.html" in finished.err


def test_a_program_gets_json(run: Run, recipe: Path, tmp_path: Path) -> None:
    finished = run("compare", recipe, "--output", tmp_path / "study", "--seeds", "2", "--json")
    assert finished.status == 0, finished.err
    told = json.loads(finished.out)
    assert told == json.loads((tmp_path / "study" / "report.json").read_text())
    assert told["tasks"].keys() == {"topic", "mood"}
    assert "all tasks together, seed 0: training 1 of 6" in finished.err


def test_settings_of_the_command_line_count(
    run: Run, recipe: Path, tmp_path: Path, found: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def study(read: Any, **settings: Any) -> Comparison:  # noqa: ANN401
        given.extend([read.training.max_steps, settings["seeds"], settings["resume"], settings["output"]])
        return found

    monkeypatch.setattr("polyhead.studies.compare.compare", study)
    words = ("--set", "training.max_steps=7", "--seeds", "4", "--resume")
    assert run("compare", recipe, "--output", tmp_path / "study", *words).status == 0
    assert given == [7, 4, True, tmp_path / "study"]


def test_an_interruption_says_how_to_go_on(
    run: Run, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polyhead.studies.compare.compare", interrupted)
    words = ("--seeds", "4", "--set", "training.max_steps = 2")
    finished = run("compare", recipe, "--output", tmp_path / "my study", *words)
    assert finished.status == 130
    again = (
        f"polyhead compare {recipe} --output '{tmp_path}/my study' --seeds 4 --set 'training.max_steps = 2' --resume"
    )
    assert again in finished.err


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--seeds", "1"], 2, "--seeds"),
        (["--set", "data.dev=[]"], 1, "data.test"),
        (["--set", "tasks.mood.weight=0"], 2, "2 tasks or more"),
        (["--set", "training.clip=-1"], 2, "training.clip"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    run: Run, recipe: Path, tmp_path: Path, words: Sequence[str], status: int, told: str
) -> None:
    finished = run("compare", recipe, "--output", tmp_path / "study", *words)
    assert (finished.status, finished.out) == (status, "")
    assert told in finished.err
    assert "Traceback" not in finished.err
    assert not (tmp_path / "study").exists()
