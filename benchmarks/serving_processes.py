"""The servers that `serving.py` compares, each a process of its own, and the model that they serve."""
# ruff: noqa: D103, S603, PLC0415  a script that measures

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil

HERE = Path(__file__).parent
SERVE = "from polyhead.cli.app import main; main()"


@contextmanager
def running(command: Sequence[str], port: int) -> Generator[psutil.Process]:
    """Run a server until the block ends, and all that it started with it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = subprocess.DEVNULL
    process = psutil.Process(
        subprocess.Popen([sys.executable, *command], env=environment, stdout=quiet, stderr=quiet).pid
    )
    try:
        for _ in range(600):
            if process.status() == psutil.STATUS_ZOMBIE:
                message = f"the server ended at once: {command}"
                raise RuntimeError(message)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{'ready' if SERVE in command else 'health'}"):
                    break
            except OSError:
                time.sleep(0.2)
        yield process
    finally:
        if process.is_running():
            for each in [*process.children(recursive=True), process]:
                each.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def polyhead_command(model: Path, port: int, *options: str) -> list[str]:
    return ["-c", SERVE, "serve", str(model), "--port", str(port), *options]


def made(shape: str, place: Path) -> Path:
    """Make a model of random weights, exported."""
    from inference_work import prepared

    return prepared(shape, 8, place).folder


def rivals() -> Iterator[tuple[str, list[str]]]:
    """List the rivals that can run here, each with the words that start it, without model and port."""
    if find_spec("litserve") is None:
        print("LitServe is not installed, so its rows are left out. Get it with `pip install litserve`.")
    else:
        yield "litserve", [str(HERE / "serving_litserve.py"), "onnx"]
        yield "litserve (torch)", [str(HERE / "serving_litserve.py"), "torch"]
    yield "pipelines", [str(HERE / "serving_pipelines.py")]
