"""What the defaults learn: joint and alone, on real data sets, over seeds.

    python benchmarks/quality.py --data ../shared/data --output runs/quality [--only NAME ...] [--seeds 0 1 2]
        [--rows 2000 [--others]] [--choices [NAME ...]] [--table]

Every recipe names data and tasks and leaves all else to the defaults. Dev picks the epoch; test is read once a run.
With `--rows` so many training and dev rows of each data set are drawn by the seed, the same for joint and alone; with
`--others` the training rows that are not drawn are the judge, in the place of test. `--choices` undoes single choices
of `compact` (`choices.py`), all of them where none is named: with `--others`, so that nothing is chosen by test.
Each finished run is a line of `results.jsonl`; runs that are there are passed over, so it can be stopped and started at
will. `--table` prints the Markdown table of what is there: mean and standard deviation over the seeds.
"""

import argparse
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from choices import CHOICES, DEFAULTS
from drawing import judge_by_others, limit_rows
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
        sources = {data: {task: own[task]} for data, own in self.sources.items() if task in own}
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


@dataclass(frozen=True, slots=True)
class Run:
    """What tells one run from another.

    Args:
        case: name of what is trained.
        encoder: hub id, folder or `compact`.
        seed: of the draw and of the training.
        rows: training and dev rows of each data set; 0 are all.
        others: whether training rows that are not drawn are the judge.
        choice: what differs from the defaults.
    """

    case: str
    encoder: str
    seed: int
    rows: int
    others: bool
    choice: str


def train_once(run: Run, *, data: Path, folder: Path) -> dict[str, Any]:
    """Train one recipe; return its scores in percent, and what it took."""
    rows, seed = run.rows, run.seed
    document: dict[str, Any] = {
        "encoder": {"name": run.encoder},
        "training": {"seed": seed},
        **cases()[run.case].tables(data),
    }
    choice = CHOICES[run.choice]
    choice.write(document)
    if run.others:
        judge_by_others(document, rows, seed=seed, folder=folder / "rows")
    limit_rows(document, rows, seed=seed, folder=folder / "rows", splits=("train", "dev"))
    recipe = parse_recipe(document, folder=Path.cwd(), source="benchmark")
    output = folder / "model"
    shutil.rmtree(output, ignore_errors=True)
    wall, cpu = time.perf_counter(), time.process_time()
    with choice.made():
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
    yield "| trained | with | encoder | rows | test | dev | minutes | epochs | seeds |"
    yield "|---|---|---|---|---|---|---|---|---|"
    ways = [(line["case"], line["choice"], line["encoder"], line["rows"], line["others"]) for line in lines]
    for way in dict.fromkeys(ways):
        case, choice, encoder, rows, others = way
        runs = [line for line, own in zip(lines, ways, strict=True) if own == way]
        splits = [_cell([run[split] for run in runs]) for split in ("test", "dev")]
        minutes = fmean(run["seconds"] for run in runs) / 60
        drawn = f"{rows or 'all'}{', judged by the others' if others else ''}"
        took = f"{minutes:.1f} | {runs[0]['epochs']}"
        yield f"| {case} | {choice} | {encoder} | {drawn} | {' | '.join(splits)} | {took} | {len(runs)} |"


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
    parser.add_argument("--others", action="store_true", help="judge by the training rows that are not drawn")
    parser.add_argument("--choices", nargs="*", choices=CHOICES, help="what differs from the defaults")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if given.others and not given.rows:
        parser.error("--others needs --rows.")
    results = Results(given.output, *(of.name for of in fields(Run)))
    choices = [DEFAULTS] if given.choices is None else given.choices or list(CHOICES)
    wanted = [
        Run(name, given.encoder, seed, given.rows, given.others, choice)
        for seed in given.seeds
        for name in given.only or cases()
        for choice in choices
    ]
    for run in () if given.table else wanted:
        if not results.has(*astuple(run)):
            results.add({**asdict(run), **train_once(run, data=given.data.resolve(), folder=given.output)})
    print("\n".join(show(results.lines)))


if __name__ == "__main__":
    main()
