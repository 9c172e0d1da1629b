"""A run that is killed, more than once, ends as the run that never was."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOPICS = {"sport": ["goal", "match", "team", "coach"], "food": ["soup", "bread", "lunch", "salad"]}
NAMES = ["Ada Brook", "Milo", "Nia Oakes", "Tor"]
RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[tasks.people]
kind = "entities"
[[data.train]]
path = "train.jsonl"
[[data.dev]]
path = "dev.jsonl"
[training]
epochs = 3
batch_tokens = 96
checkpoint_steps = 2
swap_entities = 0.5
"""
TRAIN = """
import sys, polyhead
try:
    polyhead.train(polyhead.load_recipe(sys.argv[1]), output=sys.argv[2], resume="resume" in sys.argv)
except KeyboardInterrupt:
    sys.exit(130)
"""


def rows(count: int) -> str:
    lines: list[str] = []
    for number in range(count):
        topic = ("sport", "food")[number % 2]
        name, word = NAMES[number % 3], TOPICS[topic][number % 4]
        text = f"{name} had a {word} number {number}" + " and more" * (number % 5)
        row: dict[str, object] = {"text": text, "topic": topic}
        if number % 4:
            row["people"] = [{"start": 0, "end": len(name), "label": "PERSON"}]
        lines.append(json.dumps(row))
    return "\n".join(lines)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "train.jsonl").write_text(rows(60))
    (tmp_path / "dev.jsonl").write_text(rows(12))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def started(recipe: Path, output: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TRAIN, str(recipe), str(output), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


def steps_in(output: Path) -> int:
    return max((int(path.name[5:]) for path in output.glob("checkpoints/step-*")), default=0)


def stop_after(process: subprocess.Popen[str], output: Path, *, step: int, number: int) -> None:
    """Send a signal as soon as a checkpoint of a step is there, which is in the middle of an epoch."""
    while steps_in(output) < step:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    process.send_signal(number)
    process.communicate(timeout=60)


def weights_of(output: Path) -> dict[str, str]:
    names = ("model.safetensors", "heads.safetensors", "tokenizer.json", "metrics.json", "history.json")
    return {name: hashlib.sha256((output / name).read_bytes()).hexdigest() for name in names}


def test_a_run_killed_three_times_ends_bit_identical(recipe: Path, tmp_path: Path) -> None:
    finish(started(recipe, tmp_path / "whole"))
    broken = tmp_path / "broken"
    for kill, step in enumerate((4, 10, 16)):
        process = started(recipe, broken, *(["resume"] if kill else []))
        stop_after(process, broken, step=step, number=signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not (broken / "polyhead.json").exists()
    finish(started(recipe, broken, "resume"))
    assert weights_of(broken) == weights_of(tmp_path / "whole")
    assert not (broken / "checkpoints").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_what_is_finished(recipe: Path, tmp_path: Path, number: int, status: int) -> None:
    output = tmp_path / "run"
    process = started(recipe, output)
    stop_after(process, output, step=4, number=number)
    assert process.returncode == status
    assert steps_in(output) >= 4
