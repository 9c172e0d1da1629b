"""`polyhead serve` as a whole: a model folder, the program, a client."""
# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here
# ruff: noqa: S310  the address is the test's own server

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from polyhead.export.exporting import export_model
from polyhead.loading import load
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import parse_recipe

TEXTS = ["Fetch Rewards is America's number one app", "", "🙂 Zoë opened a café", "東京", "word " * 300]
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "serving.md"
HUB = """
import json, sys
from huggingface_hub import InferenceClient
base = sys.argv[1]
vector = InferenceClient(base + "/tei/embed").feature_extraction("a text")
label = InferenceClient(base + "/tei/predict?task=topic").text_classification("a text")
print(json.dumps([vector.shape[-1], label.label]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, bert_folder: Path) -> Path:
    document = {
        "encoder": {"name": str(bert_folder)},
        "tasks": {
            "topic": {"kind": "classification", "labels": ["a", "b", "c"]},
            "people": {"kind": "entities", "labels": ["PERSON"]},
        },
        "data": {"train": [{"path": "none.jsonl"}]},
    }
    recipe = parse_recipe(document, folder=Path(), source="test")
    made = tmp_path_factory.mktemp("served") / "news"
    MultiTaskModel.build(recipe, tasks=recipe.tasks, texts=TEXTS).save_pretrained(made)
    return made


@contextmanager
def served(folder: Path, *options: str) -> Generator[str]:
    """Start the program and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        "from polyhead.cli.app import main; main()",
        "serve",
        str(folder),
        "--port",
        str(port),
        *options,
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    address = f"http://127.0.0.1:{port}"
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/ready"):
                break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    try:
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    with served(folder) as address:
        yield address


def post(address: str, document: Any) -> Any:
    request = urllib.request.Request(address, json.dumps(document).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def test_it_answers_as_the_predictor_does(base: str, folder: Path) -> None:
    answers = post(f"{base}/predict", {"texts": TEXTS})["answers"]
    wanted = [answer.to_json() for answer in load(folder).predict(TEXTS)]
    assert rounded(answers) == rounded(wanted)


def test_openvino_serves_many_at_once_as_the_predictor_answers(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="an extra")
    exported = tmp_path / "news"
    shutil.copytree(folder, exported)
    export_model(exported, openvino=True)
    wanted = rounded([answer.to_json() for answer in load(exported).predict(TEXTS)])
    with served(exported, "--engine", "openvino", "--workers", "3") as address, ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: post(f"{address}/predict", {"texts": TEXTS})["answers"], range(24)))
    assert [rounded(answers) for answers in found] == [wanted] * 24


def test_hugging_faces_own_client_works(base: str) -> None:
    # The tests forbid the hub to go online, and its client then asks nobody at all.
    done = subprocess.run(
        [sys.executable, "-c", HUB, base],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HF_HUB_OFFLINE": "0"},
    )
    width, label = json.loads(done.stdout)
    assert width == 32
    assert label in {"a", "b", "c"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is a program of its own")
def test_the_commands_of_the_documentation_get_an_answer(base: str, tmp_path: Path) -> None:
    lines = DOCUMENTATION.read_text().splitlines()
    commands = [line.replace("127.0.0.1:8000", base) for line in lines if line.startswith("curl ")]
    (tmp_path / "texts.jsonl").write_text('{"text": "Ada slept"}\n')
    assert len(commands) == 2
    for command in commands:
        words = [*shlex.split(command), "--silent", "--fail"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, command
        assert "topic" in done.stdout


def test_a_folder_that_is_no_model_ends_the_program_with_one_block(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from polyhead.cli.app import main; main()", "serve", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("address", ["nowhere.invalid", "taken"])
def test_an_address_where_nobody_can_listen_ends_the_program_with_one_block(tmp_path: Path, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = ("127.0.0.1", taken.getsockname()[1]) if address == "taken" else (address, 0)
        main = "from polyhead.cli.app import main; main()"
        command = [
            sys.executable,
            "-c",
            main,
            "serve",
            str(tmp_path),
            "--host",
            host,
            "--port",
            str(port),
            "--insecure",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("Error: `--host` and `--port` must be an address")
    assert "Traceback" not in done.stderr
