"""Polyhead's server beside its own predictor, LitServe and three pipelines, on this machine, in one run; ratios only.

`python benchmarks/serving.py [MODEL | --shape minilm] [--parts throughput,rivals,latency,open,overload,exact]`

Without MODEL a model of random weights is made and exported, as in `benchmarks/inference.py`. The part `rivals` adds
LitServe around the same predictor, LitServe around the same model in torch, and three `pipeline`s behind FastAPI, one
request at a time. LitServe is no dependency of ours: `pip install litserve`; without it its rows are left out.
"""
# ruff: noqa: D103, ANN401, PLC0415  a script that measures, and talks to who started it

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
from serving_answers import COMPARED, exact, wrong_answers
from serving_load import CLIENTS, Report, closed_loop, mixed_texts, open_loop, request_bytes
from serving_processes import free_port, made, polyhead_command, rivals, running

Running = tuple[int, psutil.Process]


def asked(texts: Sequence[str]) -> list[bytes]:
    return [request_bytes("/predict", {"texts": [text]}) for text in texts]


def ratio_line(name: str, found: Sequence[float], wanted: str) -> None:
    spread = f"{min(found):.2f}-{max(found):.2f}"
    print(f"{name:<66} {median(found):6.2f}   ({spread}, {len(found)} rounds)   to reach: {wanted}", flush=True)


def processor_seconds(process: psutil.Process) -> float:
    """Count the processor's time of a server, with the processes that it started."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def throughput(predictor: Any, texts: Sequence[str], servers: Mapping[str, Running], rounds: int) -> float:
    """Compare single-text requests of 32 clients with one call of the predictor; return the server's rate.

    On a machine that has other work to do, the processor's time tells more than the clock.
    """
    rates: dict[str, list[float]] = {name: [] for name in ("bare", *servers)}
    costs: dict[str, list[float]] = {name: [] for name in ("bare", *servers)}
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        predictor.predict(texts)
        rates["bare"].append(len(texts) / (time.perf_counter() - began))
        costs["bare"].append((time.process_time() - used) / len(texts))
        for name, (port, process) in servers.items():
            share = texts if name in {"polyhead", "litserve"} else texts[: max(64, len(texts) // 5)]
            used = processor_seconds(process)
            rates[name].append(asyncio.run(closed_loop(port, asked(share), clients=CLIENTS)).rate())
            costs[name].append((processor_seconds(process) - used) / len(share))
    for name in ("bare", *servers):
        if name != "polyhead":
            wanted = {"bare": ">= 0.95", "litserve": ">= 3", "litserve (torch)": ">= 3"}.get(name, "-")
            by_clock = [a / b for a, b in zip(rates["polyhead"], rates[name], strict=True)]
            by_cost = [b / a for a, b in zip(costs["polyhead"], costs[name], strict=True)]
            ratio_line(f"texts/s, 32 clients: polyhead / {name}", by_clock, wanted)
            ratio_line(f"texts a processor second: polyhead / {name}", by_cost, wanted)
    return median(rates["polyhead"])


def latency(predictor: Any, texts: Sequence[str], port: int) -> None:
    """Compare one client with the bare predictor, text by text."""

    def bare() -> list[float]:
        spent: list[float] = []
        for text in texts:
            began = time.perf_counter()
            predictor.predict([text])
            spent.append(time.perf_counter() - began)
        return spent

    added: list[float] = []
    for _ in range(3):
        alone = median(bare())
        report = asyncio.run(closed_loop(port, asked(texts), clients=1))
        added.append(1000 * (report.percentile(0.5) - alone))
    ratio_line("milliseconds that HTTP adds to the median, 1 client", added, "<= 3")


def bare_p99(predictor: Any, texts: Sequence[str]) -> float:
    spent: list[float] = []
    for text in texts:
        began = time.perf_counter()
        predictor.predict([text])
        spent.append(time.perf_counter() - began)
    return float(np.percentile(spent, 99))


def both_busy_p99(predictor: Any, texts: Sequence[str]) -> float:
    """Take the 99th percentile of the bare predictor while another thread keeps the next core busy with the same."""
    with ThreadPoolExecutor(2) as threads:
        found = [threads.submit(bare_p99, predictor, list(each)) for each in (texts, reversed(texts))]
        return max(each.result() for each in found)


def steady(predictor: Any, texts: Sequence[str], port: int, *, seconds: float, rounds: int) -> None:
    """Compare the 99th percentile at 70 % of what the server can do with the bare predictor's own.

    All of it is measured anew in each round, for the speed of a machine may change between them.
    """
    found: list[float] = []
    shared: list[float] = []
    for number in range(rounds):
        rate = asyncio.run(closed_loop(port, asked(texts), clients=CLIENTS)).rate()
        alone = bare_p99(predictor, texts)
        count = int(0.7 * rate * seconds)
        report = asyncio.run(open_loop(port, asked(_repeated(texts, count)), rate=0.7 * rate, seed=number))
        found.append(report.percentile(0.99) / alone)
        shared.append(both_busy_p99(predictor, texts) / alone)
        print(
            f"    {0.7 * rate:.0f} requests/s, bare p99 {1000 * alone:.1f} ms, statuses {_counted(report)}", flush=True
        )
    ratio_line("p99 at 70 %, open loop / p99 of the bare predictor", found, "<= 2")
    ratio_line("p99 of the bare predictor: both cores busy / one", shared, "-")


def overload(predictor: Any, texts: Sequence[str], served: Running, rate: float, seconds: float) -> bool:
    """Ask twice as much as the server can do, and see what it refuses, what it keeps, and how soon it is well again.

    Returns:
        Whether every request was answered 200 or 503, and a sample of the answers is what the predictor says.
    """
    port, process = served
    memory: list[int] = []
    count = int(2 * rate * seconds)

    async def watched() -> Report:
        async def watch() -> None:
            while True:
                memory.append(process.memory_info().rss)
                await asyncio.sleep(0.5)

        watching = asyncio.create_task(watch())
        report = await open_loop(port, asked(_repeated(texts, count)), rate=2 * rate)
        watching.cancel()
        return report

    report = asyncio.run(watched())
    wrong = wrong_answers(predictor, texts, report)
    sound = not wrong and set(report.statuses) <= {200, 503}
    print(f"200 % for {seconds:.0f} s: statuses {_counted(report)}; {wrong} of {COMPARED} answers differ")
    ratio_line("    answered / what it can do", [report.rate() / rate], ">= 0.9")
    ratio_line("    seconds: p99 of the answered (the queue's limit is 5)", [report.percentile(0.99)], "< 5")
    ratio_line("    seconds: p99 of the refused", [report.percentile(0.99, 503)], "<= 0.1")
    third = len(memory) // 3
    ratio_line("    memory: end / after a third", [median(memory[-5:]) / memory[third]], "<= 1.02")
    time.sleep(2)
    after = asyncio.run(closed_loop(port, asked(texts[:100]), clients=1))
    ratio_line("    seconds: p99 of one client, two seconds later", [after.percentile(0.99)], "as before")
    return sound


def _repeated(texts: Sequence[str], count: int) -> list[str]:
    return [texts[number % len(texts)] for number in range(count)]


def _counted(report: Report) -> dict[int | str, int]:
    return {status: report.statuses.count(status) for status in sorted(set(report.statuses))} | dict(report.faults)


PARTS = ("throughput", "rivals", "latency", "open", "overload", "exact")


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("model", type=Path, nargs="?")
    reader.add_argument("--shape", default="minilm", help="of the model that is made when none is given")
    reader.add_argument("--parts", default=",".join(PARTS))
    reader.add_argument("--texts", type=int, default=600)
    reader.add_argument("--rounds", type=int, default=5)
    reader.add_argument("--open", type=float, default=20.0, help="seconds at 70 %% in each round")
    reader.add_argument("--overload", type=float, default=120.0, help="seconds at 200 %%")
    reader.add_argument("--exact", type=int, default=1000, help="requests that are compared")
    reader.add_argument("--seed", type=int, default=3, help="of what is compared")
    chosen = reader.parse_args()
    parts = chosen.parts.split(",")
    if wrong := set(parts) - set(PARTS):
        reader.error(f"--parts must be among {', '.join(PARTS)}. Found {', '.join(sorted(wrong))}.")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sound = measure(chosen.model or made(chosen.shape, place), parts, chosen, stack)
    if not sound:
        sys.exit("FAILED: an answer was wrong, or a status neither 200 nor 503.")


def measure(model: Path, parts: Sequence[str], chosen: argparse.Namespace, stack: ExitStack) -> bool:
    """Start the servers, measure the parts that were asked for, and tell whether every answer was right."""
    import polyhead

    predictor: Any = polyhead.load(model)
    texts = mixed_texts(model, chosen.texts)
    predictor.predict(texts[:50])
    port = free_port()
    process = stack.enter_context(running(polyhead_command(model, port), port))
    servers = {"polyhead": (port, process)}
    for rival, words in rivals() if "rivals" in parts else ():
        other = free_port()
        servers[rival] = (other, stack.enter_context(running([*words, str(model), str(other)], other)))
    rate, sound = 0.0, True
    if {"throughput", "rivals", "overload"} & set(parts):
        rate = throughput(predictor, texts, servers, chosen.rounds)
    if "latency" in parts:
        latency(predictor, texts[:200], port)
    if "open" in parts:
        steady(predictor, texts, port, seconds=chosen.open, rounds=chosen.rounds)
    if "overload" in parts:
        sound = overload(predictor, texts, (port, process), rate, chosen.overload)
    if "exact" in parts:
        sound &= exact(predictor, texts, port, count=chosen.exact, seed=chosen.seed)
    return sound


if __name__ == "__main__":
    main()
