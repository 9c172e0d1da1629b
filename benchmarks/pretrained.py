"""Is a pretrained `compact` worth shipping? From scratch beside a pretrained folder, over tasks, rows and seeds.

    python benchmarks/pretrained.py --encoder runs/english/encoder --data ../shared/data --output runs/pretrained
        [--rows 200 0] [--seeds 0 1 2] [--only NAME ...] [--learning-rate 0.0005] [--set ema_decay=0.995 ...] [--table]

`--rows 0` is all rows; fewer are drawn by the seed, the same for both. Dev picks the epoch and test is read once a run,
both whole. From scratch is `compact` with its defaults. The other side has the defaults of a pretrained encoder, but
for what `--learning-rate` and `--set` say; its column tells that and the first digits of the hash of its weights, so
that no run of other weights or settings is taken for it. The score is accuracy, or F1 over spans.

It ships if its mean over the tasks is 5 points higher with 200 rows and no lower with all. Each finished run is a line
of `results.jsonl`; runs that are there are passed over.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from drawing import limit_rows
from quality import JOINT, Case
from results import Results

from polyhead.folder import sha256_of
from polyhead.recipe import parse_recipe
from polyhead.training.train import train

SCRATCH = "compact"
WANTED = {200: 5.0, 0: 0.0}
"""By rows, how much better a pretrained encoder must be to ship, in points."""

CASES: Mapping[str, Case] = {
    "ag_news": Case({"topic": "classification"}, {"ag_news": {"topic": "topic"}}),
    "airline_sentiment": Case({"mood": "classification"}, {"airline_sentiment": {"mood": "sentiment"}}),
    "sst2": Case({"mood": "classification"}, {"sst2": {"mood": "sentiment"}}),
    **{name: JOINT[name] for name in ("trec", "snips", "mit_movie_eng")},
}


def run(name: str, *, data: Path, encoder: str, rows: int, training: Mapping[str, Any]) -> dict[str, float]:
    """Train on some rows of a data set; return the primary score of each task on test, in percent."""
    with tempfile.TemporaryDirectory() as place:
        document = {"encoder": {"name": encoder}, "training": dict(training), **CASES[name].tables(data)}
        limit_rows(document, rows, seed=training["seed"], folder=Path(place) / "rows")
        recipe = parse_recipe(document, folder=Path(place), source="benchmark")
        result = train(recipe, output=Path(place) / "model")
        shutil.rmtree(Path(place) / "model")
    return {task: 100 * scores["primary"] for task, scores in (result.test or {"tasks": {}})["tasks"].items()}


def settings_of(learning_rate: float | None, given: Sequence[str]) -> dict[str, Any]:
    """Read the training settings of the pretrained side; values as JSON writes them."""
    found: dict[str, Any] = {} if learning_rate is None else {"learning_rate": learning_rate}
    return found | {key: json.loads(value) for key, _, value in (pair.partition("=") for pair in given)}


def way_of(encoder: Path, settings: Mapping[str, Any]) -> str:
    """Name weights and settings so that no two are taken for each other."""
    told = [f"{key} {value}" for key, value in settings.items()] or ["defaults"]
    return f"pretrained {sha256_of(encoder / 'model.safetensors')[:8]}, {', '.join(told)}"


Scores = dict[tuple[str, int], dict[int, dict[str, float]]]
"""By way and rows, then seed, then task: the score."""


def gathered(lines: Sequence[Mapping[str, Any]]) -> Scores:
    """Sort the scores of all runs."""
    found: Scores = {}
    for line in lines:
        tasks = {f"{line['case']}, {task}": score for task, score in line["test"].items()}
        found.setdefault((line["way"], line["rows"]), {}).setdefault(line["seed"], {}).update(tasks)
    return found


def show(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write the Markdown table: for each task, and for their mean, every way and how much better it is than scratch.

    A difference is over the seeds that both sides have.
    """
    scores = gathered(lines)
    ways = [way for way in dict.fromkeys(line["way"] for line in lines) if way != SCRATCH]
    yield f"| task | rows | {SCRATCH} | " + " | ".join(f"{way} | difference" for way in ways) + " |"
    yield "|---" * (3 + 2 * len(ways)) + "|"
    verdicts: list[str] = []
    for rows in dict.fromkeys(line["rows"] for line in lines):
        by_way = {way: scores.get((way, rows), {}) for way in (SCRATCH, *ways)}
        names = dict.fromkeys(task for of in by_way.values() for tasks in of.values() for task in tasks)
        for task in names:
            yield _row(task, rows, {way: _of_task(task, seeds) for way, seeds in by_way.items()})
        means = {way: _means(seeds, tasks=len(names)) for way, seeds in by_way.items()}
        yield _row("**mean**", rows, means)
        verdicts += _verdicts(rows, means)
    yield from ("", *verdicts)


def _of_task(task: str, seeds: Mapping[int, Mapping[str, float]]) -> dict[int, float]:
    return {seed: of[task] for seed, of in seeds.items() if task in of}


def _means(seeds: Mapping[int, Mapping[str, float]], *, tasks: int) -> dict[int, float]:
    """Average over the tasks, for the seeds that have all of them."""
    return {seed: fmean(of.values()) for seed, of in seeds.items() if len(of) == tasks}


def _row(task: str, rows: int, by_seed: Mapping[str, Mapping[int, float]]) -> str:
    cells = [task, str(rows or "all"), _cell(list(by_seed[SCRATCH].values()))]
    for way, of in by_seed.items():
        if way != SCRATCH:
            cells += [_cell(list(of.values())), _cell(_differences(by_seed[SCRATCH], of))]
    return f"| {' | '.join(cells)} |"


def _differences(scratch: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    return [other[seed] - scratch[seed] for seed in scratch if seed in other]


def _cell(values: Sequence[float]) -> str:
    spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{fmean(values):.1f}{spread} ({len(values)})" if values else ""


def _verdicts(rows: int, means: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    for way, of in means.items():
        differences = _differences(means[SCRATCH], of)
        if way != SCRATCH and differences and rows in WANTED:
            enough = "enough" if fmean(differences) >= WANTED[rows] else "not enough"
            found = f"{fmean(differences):+.1f} points, {enough}: it takes {WANTED[rows]:+.0f}"
            yield f"- {rows or 'all'} rows, {way}: {found}"


def main() -> None:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=Path("runs/pretrained"))
    parser.add_argument("--encoder", type=Path, help="folder of the pretrained encoder")
    parser.add_argument("--rows", nargs="*", type=int, default=list(WANTED), help="training rows; 0 is all")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=CASES)
    parser.add_argument("--learning-rate", type=float, help="of the pretrained side")
    parser.add_argument("--set", nargs="*", default=[], help="further training settings of the pretrained side")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    if not given.table and given.encoder is None:
        parser.error("--encoder must name the folder of a pretrained encoder.")
    results = Results(given.output, "case", "rows", "way", "seed")
    ways: dict[str, tuple[str, dict[str, Any]]] = {}
    if not given.table:
        settings = settings_of(given.learning_rate, given.set)
        ways = {SCRATCH: (SCRATCH, {}), way_of(given.encoder, settings): (str(given.encoder.resolve()), settings)}
    wanted = [(n, r, w, s) for r in given.rows for s in given.seeds for n in given.only for w in ways]
    for name, rows, way, seed in wanted:
        if not results.has(name, rows, way, seed):
            encoder, settings = ways[way]
            training = {"seed": seed, **settings}
            test = run(name, data=given.data.resolve(), encoder=encoder, rows=rows, training=training)
            results.add({"case": name, "rows": rows, "way": way, "seed": seed, "test": test})
    print("\n".join(show(results.lines)))


if __name__ == "__main__":
    main()
