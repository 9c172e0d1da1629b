"""What n-grams bring to `compact`: the network, n-grams, both, and TF-IDF with a regression, on the same rows.

    python benchmarks/ngrams.py --data ../shared/data --output runs/ngrams [--rows 1000] [--only NAME ...] [--seeds 0 1]

The network is trained once, without n-grams; they are weighed in afterwards, as training does. TF-IDF is that of
scikit-learn: words and pairs of words, character n-grams of two to five, sublinear, under a logistic regression whose C
dev chooses.
Results go to `OUTPUT/results.jsonl`, a line a run; what is there is not run again. `--table` prints them.
"""

import argparse
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from drawing import limit_rows
from quality import SPLITS
from results import Results
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from polyhead.data.dataset import Dataset, load_dataset
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import parse_recipe
from polyhead.runtime.predictor import Predictor
from polyhead.training.evaluation import evaluate
from polyhead.training.ngrams import weigh_in
from polyhead.training.train import train

FIELDS = {
    "ag_news": "topic",
    "airline_sentiment": "sentiment",
    "banking77": "intent",
    "sst2": "sentiment",
    "trec": "coarse",
}
TASK = "label"
STRENGTHS = (1.0, 10.0, 50.0)
WAYS = ("network", "n-grams", "both", "TF-IDF")


def run(name: str, *, data: Path, folder: Path, rows: int, seed: int) -> dict[str, Any]:
    """Train on one data set; return accuracies on test in percent."""
    sources = {
        split: [{"path": str(data / name / f"{split}.jsonl"), "fields": {TASK: FIELDS[name]}}] for split in SPLITS
    }
    document = {
        "encoder": {"name": "compact"},
        "training": {"seed": seed, "ngrams": False},
        "tasks": {TASK: {"kind": "classification"}},
        "data": sources,
    }
    limit_rows(document, rows, seed=seed, folder=folder / "rows", splits=("train", "dev"))
    recipe = parse_recipe(document, folder=Path.cwd(), source="benchmark")
    output = folder / "model"
    shutil.rmtree(output, ignore_errors=True)
    began = time.perf_counter()
    train(recipe, output=output)
    seconds = time.perf_counter() - began
    model, rows_of = MultiTaskModel.from_pretrained(output), load_dataset(recipe)
    shutil.rmtree(output)
    return {**_scores(model, rows_of, seed=seed), "seconds": seconds}


def _scores(model: MultiTaskModel, data: Dataset, *, seed: int) -> dict[str, Any]:
    if data.dev is None:
        message = "a data set must have dev rows"
        raise ValueError(message)
    network = _accuracy(model, data)
    began = time.perf_counter()
    share = weigh_in(model, data.train, data.dev, seed=seed)[TASK]
    seconds = time.perf_counter() - began
    both = _accuracy(model, data)
    with torch.no_grad():
        for weights in model.head(TASK).parameters():
            weights.zero_()
    found = (network, _accuracy(model, data), both, tfidf(data))
    return {**dict(zip(WAYS, found, strict=True)), "share": share, "ngram_seconds": seconds}


def _accuracy(model: MultiTaskModel, data: Dataset) -> float:
    predictor = Predictor(tasks=model.trained_tasks(), tokenizer=model.tokenizer, engine=TorchEngine(model))
    return 100 * evaluate(predictor, data.splits()["test"])["tasks"][TASK]["accuracy"]


def tfidf(data: Dataset) -> float:
    """Return the accuracy of TF-IDF and a regression on test, in percent."""
    texts, labels = {}, {}
    for split, rows in data.splits().items():
        texts[split] = [text for indices in rows.iterate() for text in rows.texts(indices)]
        labels[split] = [label for indices in rows.iterate() for label in rows.values(TASK, indices)]
    fitted = [_pipeline(strength).fit(texts["train"], labels["train"]) for strength in STRENGTHS]
    best = max(fitted, key=lambda pipeline: pipeline.score(texts["dev"], labels["dev"]))
    return 100 * float(best.score(texts["test"], labels["test"]))


def _pipeline(strength: float) -> Pipeline:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, max_features=60_000)
    return make_pipeline(make_union(words, letters), LogisticRegression(C=strength, max_iter=300))


def show(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write the Markdown table of the results."""
    yield f"| data | rows | {' | '.join(WAYS)} | share of n-grams | seconds | for n-grams | seeds |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, rows in dict.fromkeys((line["data"], line["rows"]) for line in lines):
        runs = [line for line in lines if (line["data"], line["rows"]) == (name, rows)]
        accuracies = " | ".join(f"{fmean(run[way] for run in runs):.1f}" for way in WAYS)
        share, took, own = (fmean(run[of] for run in runs) for of in ("share", "seconds", "ngram_seconds"))
        yield f"| {name} | {rows or 'all'} | {accuracies} | {share:.0%} | {took:.0f} | {own:.0f} | {len(runs)} |"


def main() -> None:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=Path("runs/ngrams"))
    parser.add_argument("--only", nargs="*", default=[], choices=FIELDS)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--rows", type=int, default=1000, help="training and dev rows; 0 is all")
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    results = Results(given.output, "data", "seed", "rows")
    for seed in () if given.table else given.seeds:
        for name in given.only or FIELDS:
            if not results.has(name, seed, given.rows):
                found = run(name, data=given.data.resolve(), folder=given.output, rows=given.rows, seed=seed)
                results.add({"data": name, "seed": seed, "rows": given.rows, **found})
    print("\n".join(show(results.lines)))


if __name__ == "__main__":
    main()
