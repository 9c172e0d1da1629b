"""Few labels on an encoder that knows something: ours beside logistic regression and SetFit, over seeds.

    python benchmarks/few_labels.py --make runs/stand_in --data ../shared/data
    python benchmarks/few_labels.py --encoder runs/stand_in --data ../shared/data --output runs/few [--table]

All begin with the same encoder and the same rows, 8, 32 or 200 of each label, without dev rows; the accuracy is that on
1,000 test rows. `logistic` is scikit-learn's regression on the frozen embeddings; `frozen` and `fine-tuned` are ours,
with `freeze = "all"` and with defaults; `setfit` tunes the encoder on pairs of texts whose labels are or are not the
same, with sentence-transformers, and then fits the logistic regression (Tunstall et al. 2022,
https://arxiv.org/abs/2209.11055). Each finished run is a line of `results.jsonl`; runs that are there are passed over.

`--make` trains an encoder for it where no pretrained one is at hand: `compact` on the questions and requests of three
other data sets. It is no good encoder, but the same for all.
"""
# ruff: noqa: S311, PLC0415  what is drawn is no secret; each way imports its own libraries

import argparse
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from results import Results

Rows = list[dict[str, Any]]

DATA: Mapping[str, str] = {"ag_news": "topic", "airline_sentiment": "sentiment"}
COUNTS = (8, 32, 200)
TEST_ROWS = 1000
PAIRS_A_TEXT = 20
MOST_PAIRS = 4000
"""Of more pairs SetFit learns little more, and each costs two passes."""


def drawn(data: Path, name: str, *, count: int, seed: int) -> tuple[Rows, Rows]:
    """Draw so many training rows of each label, and the test rows, which are the same for all seeds."""
    field = DATA[name]
    splits: list[Rows] = []
    for split in ("train", "test"):
        lines = (data / name / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [{"text": row["text"], "asked": row[field]} for row in map(json.loads, lines)]
        random.Random(seed if split == "train" else 0).shuffle(rows)
        splits.append(rows)
    by_label: dict[str, Rows] = {}
    for row in splits[0]:
        by_label.setdefault(row["asked"], []).append(row)
    return [row for label in sorted(by_label) for row in by_label[label][:count]], splits[1][:TEST_ROWS]


def columns(rows: Rows) -> tuple[list[str], list[str]]:
    """Part rows into texts and labels."""
    return [row["text"] for row in rows], [row["asked"] for row in rows]


def logistic(encoder: Any, train: Rows, test: Rows) -> float:  # noqa: ANN401  a SentenceTransformer
    """Fit a logistic regression on embeddings; return its accuracy."""
    from sklearn.linear_model import LogisticRegression

    texts, labels = columns(train)
    regression = LogisticRegression(max_iter=1000).fit(encoder.encode(texts), labels)
    return float(regression.score(encoder.encode(columns(test)[0]), columns(test)[1]))


def on_frozen(folder: Path, train: Rows, test: Rows, *, seed: int) -> float:  # noqa: ARG001  fitting draws nothing
    """Leave the encoder as it is."""
    from sentence_transformers import SentenceTransformer

    return logistic(SentenceTransformer(str(folder), device="cpu"), train, test)


def setfit(folder: Path, train: Rows, test: Rows, *, seed: int) -> float:
    """Tune the encoder on pairs, then fit the regression."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import CosineSimilarityLoss

    encoder = SentenceTransformer(str(folder), device="cpu")
    with tempfile.TemporaryDirectory() as place:
        given = SentenceTransformerTrainingArguments(
            output_dir=place,
            num_train_epochs=1,
            per_device_train_batch_size=16,
            learning_rate=2e-5,
            warmup_steps=0.1,
            seed=seed,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
        )
        loss = CosineSimilarityLoss(encoder)
        pairs = Dataset.from_list(list(paired(train, seed=seed)))
        SentenceTransformerTrainer(model=encoder, args=given, train_dataset=pairs, loss=loss).train()
    return logistic(encoder.eval(), train, test)


def paired(rows: Rows, *, seed: int) -> Iterator[dict[str, Any]]:
    """Pair each text with texts of its label and as many of others."""
    chance = random.Random(seed)
    each = min(PAIRS_A_TEXT, max(1, MOST_PAIRS // (2 * len(rows))))
    by_label: dict[str, Rows] = {}
    for row in rows:
        by_label.setdefault(row["asked"], []).append(row)
    for row in rows:
        others = [other for label in by_label if label != row["asked"] for other in by_label[label]]
        for of, score in ((by_label[row["asked"]], 1.0), (others, 0.0)):
            for other in chance.choices(of, k=each):
                yield {"sentence1": row["text"], "sentence2": other["text"], "label": score}


def ours(folder: Path, train: Rows, test: Rows, *, seed: int, freeze: str = "none") -> float:
    """Train a recipe that names the encoder, the task and the rows, and leaves all else to the defaults."""
    from polyhead.recipe import parse_recipe
    from polyhead.training.train import train as train_recipe

    with tempfile.TemporaryDirectory() as place:
        for name, rows in (("train", train), ("test", test)):
            (Path(place) / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        document = {
            "encoder": {"name": str(folder.resolve())},
            "tasks": {"asked": {"kind": "classification"}},
            "data": {name: [{"path": f"{name}.jsonl"}] for name in ("train", "test")},
            "training": {"seed": seed, "freeze": freeze},
        }
        result = train_recipe(parse_recipe(document, folder=Path(place), source="benchmark"), output=Path(place) / "m")
        return float(result.metrics["asked"]["accuracy"])


def frozen(folder: Path, train: Rows, test: Rows, *, seed: int) -> float:
    """Train our head alone."""
    return ours(folder, train, test, seed=seed, freeze="all")


WAYS: Mapping[str, Callable[..., float]] = {
    "logistic": on_frozen,
    "frozen": frozen,
    "fine-tuned": ours,
    "setfit": setfit,
}


def make(target: Path, data: Path) -> None:
    """Train an encoder on three data sets that none of the measured ones is among."""
    from polyhead.recipe import parse_recipe
    from polyhead.training.train import train

    fields = {"banking77": "intent", "trec": "coarse", "snips": "intent"}
    splits = {
        split: [{"path": str(data / name / f"{split}.jsonl"), "fields": {name: of}} for name, of in fields.items()]
        for split in ("train", "dev")
    }
    document = {
        "encoder": {"name": "compact"},
        "tasks": {name: {"kind": "classification"} for name in fields},
        "data": splits,
        "training": {"epochs": 6, "checkpoint_steps": 0},
    }
    train(parse_recipe(document, folder=Path.cwd(), source="benchmark"), output=target)


def show(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write the Markdown table of the results."""
    yield "| data | rows a label | " + " | ".join(WAYS) + " | seeds |"
    yield "|---" * (len(WAYS) + 3) + "|"
    for name, count in dict.fromkeys((line["data"], line["count"]) for line in lines):
        cells: list[str] = []
        for way in WAYS:
            key = (name, count, way)
            found = [100 * of["accuracy"] for of in lines if (of["data"], of["count"], of["way"]) == key]
            cells.append(f"{fmean(found):.1f} ± {stdev(found) if len(found) > 1 else 0.0:.1f}" if found else "")
        seeds = len({line["seed"] for line in lines if (line["data"], line["count"]) == (name, count)})
        yield f"| {name} | {count} | {' | '.join(cells)} | {seeds} |"


def main() -> None:
    """Make the encoder, run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--output", type=Path, default=Path("runs/few"))
    parser.add_argument("--encoder", type=Path, help="folder of a pretrained encoder, or what --make wrote")
    parser.add_argument("--make", type=Path, help="train an encoder into this folder, and leave")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--counts", nargs="*", type=int, default=list(COUNTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.make:
        shutil.rmtree(given.make, ignore_errors=True)
        make(given.make, given.data.resolve())
        return
    if not given.table and given.encoder is None:
        parser.error("--encoder must name a folder; --make trains one.")
    results = Results(given.output, "data", "count", "way", "seed")
    wanted = [(n, c, w, s) for s in given.seeds for n in DATA for c in given.counts for w in given.ways]
    for name, count, way, seed in () if given.table else wanted:
        if results.has(name, count, way, seed):
            continue
        np.random.seed(seed)  # noqa: NPY002  what other libraries draw
        train, test = drawn(given.data, name, count=count, seed=seed)
        accuracy = WAYS[way](given.encoder, train, test, seed=seed)
        results.add({"data": name, "count": count, "way": way, "seed": seed, "accuracy": accuracy})
    print("\n".join(show(results.lines)))


if __name__ == "__main__":
    main()
