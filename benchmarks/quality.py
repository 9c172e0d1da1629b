"""What the defaults learn: joint and alone, on real data sets, over seeds.

    python benchmarks/quality.py --data ../shared/data --output runs/quality [--only NAME ...] [--seeds 0 1 2]
        [--rows 2000] [--table]

Every recipe names data and tasks and leaves all else to the defaults. Dev picks the epoch; test is read once a run.
With `--rows` so many training and dev rows of each data set are drawn by the seed, the same for joint and alone.
Each finished run is a line of `results.jsonl`; runs that are there are passed over, so it can be stopped and started at
will. `--table` prints the Markdown table of what is there: mean and standard deviation over the seeds.
"""

import argparse
import json
import random
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from results import Results

from polyhead.recipe import parse_recipe
from polyhead.training.train import train

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class Case:
    """What is trained together.

    Args:
        tasks: kind of each task.
        sources: for each data set, the field in which it has each task that it labels.
    """

    tasks: Mapping[str, str]
    sources: Mapping[str, Mapping[str, str]]

    def alone(self, task: str) -> "Case":
        """Return the same with one of the tasks only, on the data sets that label it."""
        sources = {data: {task: fields[task]} for data, fields in self.sources.items() if task in fields}
        return Case({task: self.tasks[task]}, sources)

    def tables(self, data: Path) -> dict[str, Any]:
        """Write the tables of the recipe."""
        sources = {
            split: [
                {"path": str(data / name / f"{split}.jsonl"), "fields": dict(of)} for name, of in self.sources.items()
            ]
            for split in SPLITS
        }
        return {"tasks": {name: {"kind": kind} for name, kind in self.tasks.items()}, "data": sources}


JOINT = {
    "snips": Case(
        {"intent": "classification", "slots": "entities"}, {"snips": {"intent": "intent", "slots": "entities"}}
    ),
    "mixture": Case(
        {"topic": "classification", "mood": "classification", "entities": "entities"},
        {
            "ag_news": {"topic": "topic"},
            "airline_sentiment": {"mood": "sentiment"},
            "conll2003": {"entities": "entities"},
        },
    ),
    "mit_movie_eng": Case({"slots": "entities"}, {"mit_movie_eng": {"slots": "entities"}}),
    "trec": Case({"coarse": "classification"}, {"trec": {"coarse": "coarse"}}),
}


def cases() -> dict[str, Case]:
    """List what is trained, by name: each mixture, and each of its tasks alone."""
    found: dict[str, Case] = {}
    for name, case in JOINT.items():
        found[name] = case
        if len(case.tasks) > 1:
            found |= {f"{name}, {task} alone": case.alone(task) for task in case.tasks}
    return found


def limit_rows(
    document: Mapping[str, Any], rows: int, *, seed: int, folder: Path, splits: Sequence[str] = ("train",)
) -> None:
    """Let a recipe read some rows of each file, drawn by the seed, with the labels of all training rows.

    Args:
        document: the recipe, changed in place.
        rows: of each file; 0 leaves the recipe as it is.
        seed: of what is drawn.
        folder: where the rows are written.
        splits: which files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in document["data"]["train"] if rows else ():
        for task, field in source["fields"].items():
            document["tasks"][task]["labels"] = _labels(_lines(source), field)
    for split in splits if rows else ():
        for number, source in enumerate(document["data"][split]):
            lines = _lines(source)
            random.Random(seed).shuffle(lines)  # noqa: S311  what is drawn is no secret
            some = folder / f"{split}-{number}.jsonl"
            some.write_text("\n".join(lines[:rows]) + "\n", encoding="utf-8")
            source["path"] = str(some.resolve())


def _lines(source: Mapping[str, Any]) -> list[str]:
    return Path(source["path"]).read_text(encoding="utf-8").splitlines()


def _labels(lines: Sequence[str], field: str) -> list[str]:
    """List the labels of a task: a few rows may lack one that dev has."""
    values = [json.loads(line)[field] for line in lines]
    return sorted(
        {label for of in values for label in ([of] if isinstance(of, str) else [span["type"] for span in of])}
    )


def run(case: Case, *, data: Path, folder: Path, encoder: str, seed: int, rows: int) -> dict[str, Any]:
    """Train one recipe; return its scores in percent, and what it took. 0 rows are all."""
    document = {"encoder": {"name": encoder}, "training": {"seed": seed}, **case.tables(data)}
    limit_rows(document, rows, seed=seed, folder=folder / "rows", splits=("train", "dev"))
    recipe = parse_recipe(document, folder=Path.cwd(), source="benchmark")
    output = folder / "model"
    shutil.rmtree(output, ignore_errors=True)
    wall, cpu = time.perf_counter(), time.process_time()
    result = train(recipe, output=output)
    took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    shutil.rmtree(output)
    return {"dev": _scores(result.dev), "test": _scores(result.test), "epochs": len(result.history), **took}


def _scores(metrics: Mapping[str, Any] | None) -> dict[str, float]:
    """Pick the primary metric of each task, names never seen apart, and all tasks right at once."""
    found: dict[str, float] = {}
    for task, scores in (metrics or {"tasks": {}})["tasks"].items():
        found[task] = 100 * scores["primary"]
        if "unseen_f1" in scores:
            found[f"{task}, unseen names"] = 100 * scores["unseen_f1"]
    if metrics and len(metrics["tasks"]) > 1 and metrics["all_right"] is not None:
        found["all right"] = 100 * metrics["all_right"]
    return found


def show(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write the Markdown table of the results."""
    yield "| trained | encoder | rows | test | dev | minutes | epochs | seeds |"
    yield "|---|---|---|---|---|---|---|---|"
    ways = [(line["case"], line["encoder"], line["rows"]) for line in lines]
    for way in dict.fromkeys(ways):
        case, encoder, rows = way
        runs = [line for line, own in zip(lines, ways, strict=True) if own == way]
        splits = [_cell([run[split] for run in runs]) for split in ("test", "dev")]
        minutes = fmean(run["seconds"] for run in runs) / 60
        took = f"{minutes:.1f} | {runs[0]['epochs']}"
        yield f"| {case} | {encoder} | {rows or 'all'} | {' | '.join(splits)} | {took} | {len(runs)} |"


def _cell(scores: Sequence[Mapping[str, float]]) -> str:
    parts: list[str] = []
    for name in scores[0]:
        values = [of[name] for of in scores]
        spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
        parts.append(f"{name} {fmean(values):.1f}{spread}")
    return ", ".join(parts)


def main() -> None:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=Path("runs/quality"))
    parser.add_argument("--encoder", default="compact", help="hub id, folder or compact")
    parser.add_argument("--only", nargs="*", default=[], choices=cases(), help="names of cases; all when absent")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--rows", type=int, default=0, help="training and dev rows of each data set; 0 is all")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    results = Results(given.output, "case", "encoder", "seed", "rows")
    for seed in () if given.table else given.seeds:
        for name, case in cases().items():
            if results.has(name, given.encoder, seed, given.rows) or (given.only and name not in given.only):
                continue
            settings = {"encoder": given.encoder, "seed": seed, "rows": given.rows}
            found = run(case, data=given.data.resolve(), folder=given.output, **settings)
            results.add({"case": name, **settings, **found})
    print("\n".join(show(results.lines)))


if __name__ == "__main__":
    main()
