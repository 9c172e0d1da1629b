"""The server under attack, in bulk: what the tests do a few times, done as often as asked, with a fresh seed.

`python reliability/serving.py malformed|slow|reload|restarts|soak [--count N] [--seconds S] [--seed N]`
"""
# ruff: noqa: INP001, T201, ANN401, S311, PLR2004  a script that measures, and talks to who started it

import argparse
import importlib.util
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

TESTS = Path(__file__).parents[1] / "tests" / "flow" / "test_serving.py"


def tests() -> ModuleType:
    """Load the tests of the server, whose tools are used here."""
    specification = importlib.util.spec_from_file_location("test_serving", TESTS)
    if specification is None or specification.loader is None:
        raise FileNotFoundError(TESTS)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def malformed(flow: ModuleType, place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Send wrong requests: no 5xx, no echo, and a good request is answered after each hundred."""
    statuses: Counter[str] = Counter()
    echoes = 0
    limits = {"header_seconds": 0.5, "body_seconds": 0.5}
    with flow.running(place, limits=limits) as served, ThreadPoolExecutor(16) as clients:
        requests = list(flow.raw_requests(chosen.seed, chosen.count))
        for begin in range(0, chosen.count, 100):
            for answer in clients.map(lambda request: flow.answer_to(served, request), requests[begin : begin + 100]):
                statuses.update(map(str, flow.statuses_of(answer) or ["closed"]))
                echoes += flow.MARK.encode() in answer
            if served.predict("soup")[0] != 200:
                statuses["good request failed"] += 1
        logged = flow.MARK in served.log.read_text()
    bad = sum(count for status, count in statuses.items() if status.startswith("5") or "failed" in status)
    return {
        "statuses": statuses,
        "5xx or failed": bad,
        "echoes": echoes,
        "in the log": logged,
        "good": not (bad or echoes or logged),
    }


def slow(flow: ModuleType, place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Open slow sockets with the server's own timeouts: all are closed, and a good client hardly notices."""
    with flow.running(place) as served, ExitStack() as stack:
        files = psutil.Process(served.process.pid).num_fds()
        beginnings = [b"", b"POST /pre", flow.HEAD, flow.HEAD + b"content-length: 500\r\n\r\n{"]
        sockets = [stack.enter_context(served.raw()) for _ in range(chosen.count)]
        for number, connection in enumerate(sockets):
            connection.sendall(beginnings[number % len(beginnings)])
        began = time.monotonic()
        good = [_seconds(lambda: served.predict("soup")) for _ in range(100)]
        closed = [flow.closed_after(connection, 20.0) for connection in sockets[:4]]
        while psutil.Process(served.process.pid).num_fds() > files and time.monotonic() - began < 30:
            time.sleep(0.2)
        lasted, left = time.monotonic() - began, psutil.Process(served.process.pid).num_fds() - files
    return {
        "all closed after": lasted,
        "left": left,
        "good client p99": sorted(good)[98],
        "first": max(closed),
        "good": left <= 0,
    }


def reload(flow: ModuleType, place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Swap good and broken models under load: no lost and no mixed answer."""
    (place / "keys").write_text("admin\n")
    stop, found = threading.Event(), Counter[tuple[int, str, str]]()
    with flow.running(place, admin_key_file=str(place / "keys")) as served:

        def load() -> None:
            while not stop.is_set():
                status, document, headers = served.predict("soup", "great soup")
                labels = {answer["tasks"]["topic"]["label"] for answer in document["answers"]}
                found[status, headers["x-model-version"], ",".join(sorted(labels))] += 1

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        outcomes: Counter[int] = Counter()
        for turn in range(chosen.count):
            settings = json.dumps({"tilt": 9 * (turn % 2)})
            (place / "news" / "polyhead.json").write_text(settings if turn % 3 else "broken")
            outcomes[served.ask("POST", "/admin/reload", authorization="Bearer admin")[0]] += 1
        stop.set()
        for thread in threads:
            thread.join()
    versions = Counter(version for _, version, _ in found)
    mixed = [key for key in found if "," in key[2]] + [version for version, kinds in versions.items() if kinds > 1]
    statuses = Counter({status: sum(n for key, n in found.items() if key[0] == status) for status, _, _ in found})
    return {"swaps": outcomes, "answers": statuses, "mixed": mixed, "good": set(statuses) == {200} and not mixed}


def restarts(flow: ModuleType, place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Stop the server while it answers: what it accepted is answered, and it ends with 0 in time."""
    lost, ends, slowest = 0, Counter[int](), 0.0
    for _ in range(chosen.count):
        with flow.running(place) as served:
            statuses: list[int] = []

            def ask(served: Any = served, statuses: list[int] = statuses) -> None:
                statuses.append(served.predict("slow soup")[0])

            threads = [threading.Thread(target=ask) for _ in range(6)]
            for thread in threads:
                thread.start()
            time.sleep(0.2)
            began = time.monotonic()
            ends[served.stop()] += 1
            slowest = max(slowest, time.monotonic() - began)
            for thread in threads:
                thread.join()
            lost += 6 - statuses.count(200)
    return {"lost": lost, "ends": ends, "slowest": slowest, "good": not lost and set(ends) == {0} and slowest < 10}


def soak(flow: ModuleType, place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Ask in mixed sizes for a long time: memory, files and threads stay as they are."""
    choose, stop = random.Random(chosen.seed), threading.Event()
    asked: Counter[int] = Counter()
    with flow.running(place) as served:
        process = psutil.Process(served.process.pid)

        def load() -> None:
            while not stop.is_set():
                texts = ["great soup " * choose.randint(0, 200) for _ in range(choose.choice([1, 1, 1, 5, 40]))]
                asked[served.predict(*texts)[0]] += 1

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        samples: list[tuple[int, int, int]] = []
        for _ in range(int(chosen.seconds)):
            time.sleep(1)
            samples.append((process.memory_info().rss, process.num_fds(), process.num_threads()))
        stop.set()
        for thread in threads:
            thread.join()
    settled = samples[len(samples) // 3]
    growth = samples[-1][0] / settled[0] - 1
    return {"requests": asked, "memory grew by": growth, "threads": samples[-1][2] - settled[2], "good": growth < 0.02}


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def main() -> None:
    """Run one attack, print what came of it, and leave with 1 when something is wrong."""
    attacks = {attack.__name__: attack for attack in (malformed, slow, reload, restarts, soak)}
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("attack", choices=attacks)
    reader.add_argument("--count", type=int, default=200)
    reader.add_argument("--seconds", type=float, default=60.0)
    reader.add_argument("--seed", type=int, default=int(time.time()))
    chosen = reader.parse_args()
    with tempfile.TemporaryDirectory() as place:
        outcome = attacks[chosen.attack](tests(), Path(place), chosen)
    print(chosen.attack, {"seed": chosen.seed, **outcome})
    sys.exit(0 if outcome["good"] else 1)


if __name__ == "__main__":
    main()
