"""Every kind of sampling with four kinds of balancing, and every kind of sharing, on a mixture of three real data sets.

    python benchmarks/sharing.py --data ../shared/data --output runs/sharing [--only NAME ...] [--table]

Topics of news (ag_news), moods of messages (airline_sentiment), entities (conll2003): three files that each label one
task, a sixtieth of each, with the built-in encoder. A run takes about 25 seconds of one core. Each finished run is a
line of `results.jsonl`; runs that are there already are passed over, so it can be stopped and started at will.
`--table` prints the Markdown table of what is there: dev metric, mean and standard deviation over the seeds, how far
the mean lies above the default's with the same seed, and CPU seconds of an epoch, its evaluation included, relative to
the default.
"""

import argparse
import json
import random
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from results import Results

from polyhead.recipe import parse_recipe
from polyhead.registry import kinds
from polyhead.training.progress import Silent
from polyhead.training.train import train

DEFAULT = "temperature, fixed"
SEEDS = (0, 1, 2)
EPOCHS = 4
TASKS: Mapping[str, Mapping[str, Any]] = {
    "topic": {"data": "ag_news", "kind": "classification", "rows": 325},
    "mood": {"data": "airline_sentiment", "kind": "classification", "rows": 168},
    "entities": {"data": "conll2003", "kind": "entities", "rows": 234},
}
FIELDS = {"topic": ("topic", "label", "category"), "mood": ("sentiment",), "entities": ("entities",)}
DEV_ROWS = 250
SHARINGS: Mapping[str, Mapping[str, Any]] = {
    "task_attention": {"kind": "task_attention"},
    "lora": {"kind": "lora"},
    "lora, text tasks together": {"kind": "lora", "groups_of": {"texts": ["topic", "mood"]}},
    "soft, l2": {"kind": "soft", "tie": "l2"},
    "soft, cross_stitch": {"kind": "soft", "tie": "cross_stitch"},
}


class Clock(Silent):
    """Notes the CPU seconds at which the epochs begin and end."""

    def __init__(self) -> None:
        self.begin = self.end = 0.0

    def epoch(self, number: int, batches: int, *, done: int) -> None:  # noqa: ARG002  what a progress is told
        """Note when the first epoch begins."""
        self.begin = self.begin or time.process_time()

    def evaluated(self, record: Mapping[str, Any], metrics: Mapping[str, Any] | None, *, best: bool) -> None:  # noqa: ARG002
        """Note when an epoch was evaluated."""
        self.end = time.process_time()


def cases() -> dict[str, dict[str, Any]]:
    """List the tables of the recipes to run, by name."""
    samplings: dict[str, dict[str, Any]] = {kind: {"kind": kind} for kind in kinds("sampling")}
    # Without parts it is `uniform`.
    samplings["fixed"] |= {"parts": {"topic": 1, "mood": 1, "entities": 3}}
    found = {
        "temperature 4, fixed": {"sampling": {"kind": "temperature", "temperature": 4.0}},
        "one task a batch, fixed": {"sampling": {"kind": "temperature", "mix": False}},
    }
    for name, sampling in samplings.items():
        for balancing in ("fixed", "uncertainty", "upgrad", "pcgrad"):
            # Each row answers one task, so gradients at the token states would all be at right angles.
            at = {"at": "parameters"} if balancing in ("upgrad", "pcgrad") else {}
            found[f"{name}, {balancing}"] = {"sampling": sampling, "balancing": {"kind": balancing, **at}}
    return dict(sorted(found.items())) | {name: {"sharing": dict(sharing)} for name, sharing in SHARINGS.items()}


def prepare(data: Path, folder: Path) -> dict[str, Any]:
    """Cut the files to their parts, and return the tables of the recipe that name them."""
    folder.mkdir(parents=True, exist_ok=True)
    sources: dict[str, list[dict[str, Any]]] = {"train": [], "dev": []}
    for task, settings in TASKS.items():
        for split, count in (("train", settings["rows"]), ("dev", DEV_ROWS)):
            target = folder / f"{task}-{split}.jsonl"
            lines = (data / settings["data"] / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
            chosen = random.Random(0).sample(lines, count)  # noqa: S311
            field = next(name for name in FIELDS[task] if name in json.loads(chosen[0]))
            rows = [{"text": row["text"], task: row[field]} for row in map(json.loads, chosen)]
            target.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
            sources[split].append({"path": target.name})
    tasks = {task: {"kind": settings["kind"]} for task, settings in TASKS.items()}
    return {"encoder": {"name": "compact", "max_tokens": 64}, "tasks": tasks, "data": sources}


def run(case: Mapping[str, Any], *, tables: Mapping[str, Any], folder: Path, seed: int) -> dict[str, Any]:
    """Train one recipe; return its dev metrics and what it took."""
    torch.set_num_threads(1)
    training = {"epochs": EPOCHS, "seed": seed, "checkpoint_steps": 0}
    document = {**tables, **case, "training": training}
    recipe = parse_recipe(document, folder=folder, source="benchmark")
    output = folder / "model"
    shutil.rmtree(output, ignore_errors=True)
    clock = Clock()
    result = train(recipe, output=output, progress=clock)
    shutil.rmtree(output)
    dev = {task: of["primary"] for task, of in (result.dev or {})["tasks"].items()}
    return {"dev": dev, "seconds": (clock.end - clock.begin) / EPOCHS}


def show(lines: list[dict[str, Any]]) -> Iterator[str]:
    """Write the Markdown table of the results."""
    by_case: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        by_case.setdefault(line["case"], []).append(line)
    base = fmean(line["seconds"] for line in by_case[DEFAULT]) if DEFAULT in by_case else None
    means = {line["seed"]: fmean(line["dev"].values()) for line in by_case.get(DEFAULT, [])}
    yield "| kind | " + " | ".join(TASKS) + " | mean | above the default | seconds an epoch | seeds |"
    yield "|---" * (len(TASKS) + 5) + "|"
    for case, found in by_case.items():
        columns = [[line["dev"][task] for line in found] for task in TASKS]
        columns.append([fmean(line["dev"].values()) for line in found])
        cells = [f"{fmean(of):.3f} ± {stdev(of) if len(of) > 1 else 0.0:.3f}" for of in columns]
        above = [fmean(line["dev"].values()) - means[line["seed"]] for line in found if line["seed"] in means]
        cells.append(f"{fmean(above):+.3f} ± {stdev(above):.3f}" if len(above) > 1 else "")
        seconds = fmean(line["seconds"] for line in found)
        told = f"{seconds / base:.2f}x" if base else f"{seconds:.1f} s"
        yield f"| {case} | " + " | ".join(cells) + f" | {told} | {len(found)} |"


def main() -> None:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=Path("runs/sharing"))
    parser.add_argument("--only", nargs="*", default=[], help="names of cases; all when absent")
    parser.add_argument("--seeds", nargs="*", type=int, default=list(SEEDS))
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    results = Results(given.output, "case", "seed")
    tables = {} if given.table else prepare(given.data, given.output / "rows")
    for seed in () if given.table else given.seeds:
        for name, case in cases().items():
            if results.has(name, seed) or (given.only and name not in given.only):
                continue
            found = run(case, tables=tables, folder=given.output / "rows", seed=seed)
            results.add({"case": name, "seed": seed, **found})
    print("\n".join(show(results.lines)))


if __name__ == "__main__":
    main()
