"""What training costs, part by part; ratios of CPU seconds only.

    python benchmarks/training.py tasks --rows 512        three tasks at once, beside three runs of the Trainer
    python benchmarks/training.py frozen --rows 256       epochs over an encoder that is frozen and remembered
    python benchmarks/training.py balancing --rows 256    gradients joined at the representation, beside the plain sum

An encoder in the shape of MiniLM-L6 with random weights learns from rows that are labelled for two classifications
and one entities task. All ways run with their defaults, in one process and on one thread, in turn. An epoch counts
from its beginning to the end of its last step, so that neither reading nor saving counts.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

# Before torch is imported: it reads its number of threads once.
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import torch
import transformers
from inference_work import SHAPES, VOCABULARY, make_texts, make_tokenizer, mixed_lengths, sentences_of_demo
from torch import nn
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast, Trainer, TrainingArguments

import polyhead
from polyhead.recipe import parse_recipe
from polyhead.training import freezing
from polyhead.training.progress import Silent

Row = dict[str, Any]
Way = Callable[[], float]
KINDS = {"topic": "classification", "mood": "classification", "names": "entities"}
TOPICS, MOODS = "abcdef", "xyz"
JOINED = ("upgrad", "pcgrad", "mgda", "cagrad")
"""Ways of balancing that join gradients, from cheap to dear; `benchmarks/balancing.py` has all of them."""


class Clock(Silent):
    """Notes the CPU seconds of each epoch, up to the end of its last step."""

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self._begin = 0.0

    def epoch(self, number: int, batches: int, *, done: int) -> None:  # noqa: ARG002
        self.epochs.append(0.0)
        self._begin = time.process_time()

    def step(self, batches: int, losses: Mapping[str, float]) -> None:  # noqa: ARG002
        self.epochs[-1] = time.process_time() - self._begin


class ClockedTrainer(Trainer):
    """Notes the CPU seconds of an epoch, from its first batch up to the end of its last step."""

    seconds = 0.0
    _begin: float | None = None

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Take the time after each of its steps."""
        optimizer = super().create_optimizer(model)
        optimizer.register_step_post_hook(self._note)
        return optimizer

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Begin with the first."""
        self._begin = time.process_time() if self._begin is None else self._begin
        return super().training_step(model, inputs, num_items_in_batch)

    def _note(self, optimizer: torch.optim.Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG002
        self.seconds = time.process_time() - (self._begin or 0.0)


def prepare(folder: Path, count: int) -> list[Row]:
    """Write an encoder, and rows that are labelled for three tasks."""
    sentences = sentences_of_demo()
    tokenizer = make_tokenizer(sentences)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=VOCABULARY, **SHAPES["minilm"])).save_pretrained(folder / "encoder")
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **special).save_pretrained(
        folder / "encoder"
    )
    rows: list[Row] = []
    for number, text in enumerate(make_texts(sentences, tokenizer, mixed_lengths(count))):
        word = text.split()[0].strip(".,!?")
        begin = text.index(word)
        names = [{"start": begin, "end": begin + len(word), "label": "NAME"}] if word.isalpha() else []
        labels = {"topic": TOPICS[number % len(TOPICS)], "mood": MOODS[number % len(MOODS)], "names": names}
        rows.append({"text": text, **labels})
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def ours(
    folder: Path, tasks: Sequence[str], *, epochs: int = 1, freeze: str = "none", balancing: str = "fixed"
) -> list[float]:
    """Train; return the CPU seconds of each epoch.

    Args:
        folder: what `prepare` wrote.
        tasks: those that are learned.
        epochs: how many.
        freeze: what of the encoder stays as it is.
        balancing: the kind of it.
    """
    document: dict[str, Any] = {
        "encoder": {"name": "encoder"},
        "tasks": {name: {"kind": KINDS[name]} for name in tasks},
        "data": {"train": [{"path": "train.jsonl"}]},
        "balancing": {"kind": balancing},
        "training": {"epochs": epochs, "checkpoint_steps": 0, "freeze": freeze},
    }
    clock = Clock()
    with tempfile.TemporaryDirectory() as output:
        recipe = parse_recipe(document, folder=folder, source="benchmark")
        polyhead.train(recipe, output=Path(output) / "model", progress=clock)
    return clock.epochs


def trainer(folder: Path, rows: Sequence[Row], task: str) -> float:
    """Fine-tune one task; return the CPU seconds of an epoch."""
    tokenizer = AutoTokenizer.from_pretrained(folder / "encoder")
    encoded = [tokenizer(row["text"], truncation=True, return_offsets_mapping=True) for row in rows]
    items: list[Row] = []
    for row, encoding in zip(rows, encoded, strict=True):
        offsets = encoding.pop("offset_mapping")
        if task == "names":
            spans = row["names"]
            inside = [any(span["start"] <= start < span["end"] for span in spans) for start, _ in offsets]
            labels: Any = [
                -100 if end == start else int(own) for (start, end), own in zip(offsets, inside, strict=True)
            ]
        else:
            labels = (TOPICS if task == "topic" else MOODS).index(row[task])
        items.append({**encoding, "labels": labels})
    words = task == "names"
    kind = transformers.BertForTokenClassification if words else transformers.BertForSequenceClassification
    collator = transformers.DataCollatorForTokenClassification if words else transformers.DataCollatorWithPadding
    outputs = {"topic": len(TOPICS), "mood": len(MOODS), "names": 3}[task]
    settings = TrainingArguments(
        output_dir=str(folder / "trainer"), num_train_epochs=1, report_to=[], disable_tqdm=True, use_cpu=True
    )
    runner = ClockedTrainer(
        kind.from_pretrained(folder / "encoder", num_labels=outputs),
        settings,
        train_dataset=items,  # pyright: ignore[reportArgumentType]  a list is what it reads row by row
        data_collator=collator(tokenizer),
    )
    runner.train()
    return runner.seconds


def forgetting(folder: Path, tasks: Sequence[str], epochs: int) -> list[float]:
    """Train heads over a frozen encoder that runs again in each epoch."""
    most, freezing.MOST_REMEMBERED = freezing.MOST_REMEMBERED, 0
    try:
        return ours(folder, tasks, epochs=epochs, freeze="all")
    finally:
        freezing.MOST_REMEMBERED = most


def in_turn(ways: Mapping[str, Way], repeats: int, *, warm: bool) -> dict[str, list[float]]:
    """Run all ways in turn, after a round that warms up if that matters."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(0 if warm else 1, repeats + 1):
        for name, way in ways.items():
            took = way()
            print(f"repeat {repeat}, {name}: {took:.2f} CPU seconds", file=sys.stderr)
            if repeat:
                seconds[name].append(took)
    return seconds


def ratio(above: Sequence[float], below: Sequence[float]) -> str:
    """Say the median of the ratios within a repeat, with the least and the greatest."""
    found = sorted(one / other for one, other in zip(above, below, strict=True))
    return f"{median(found):.2f} ({found[0]:.2f} to {found[-1]:.2f})"


def tasks_at_once(folder: Path, rows: Sequence[Row], repeats: int) -> None:
    """Compare one run for all tasks with runs of the Trainer for one task each."""
    ways: dict[str, Way] = {"all at once": lambda: ours(folder, list(KINDS))[0]}
    ways |= {f"Trainer, {name}": lambda name=name: trainer(folder, rows, name) for name in KINDS}
    seconds = in_turn(ways, repeats, warm=False)
    parts = zip(*(seconds[f"Trainer, {name}"] for name in KINDS), strict=True)
    found = ratio([sum(part) for part in parts], seconds["all at once"])
    print(f"{len(KINDS)} tasks at once, beside {len(KINDS)} runs of the Trainer: {found} times as fast")


def frozen(folder: Path, rows: Sequence[Row], repeats: int) -> None:  # noqa: ARG001
    """Compare later epochs over states that are remembered with epochs in which the encoder runs."""
    for tasks in (["topic"], list(KINDS)):
        ways: dict[str, Way] = {
            "remembered": lambda tasks=tasks: median(ours(folder, tasks, epochs=6, freeze="all")[1:]),
            "frozen, run again": lambda tasks=tasks: forgetting(folder, tasks, 2)[1],
            "all learns": lambda tasks=tasks: ours(folder, tasks, epochs=2)[1],
        }
        seconds = in_turn(ways, repeats, warm=True)
        for name in ("frozen, run again", "all learns"):
            found = ratio(seconds[name], seconds["remembered"])
            print(f"{', '.join(tasks)}: a later epoch, {name!r} over remembered: {found}")


def balancing(folder: Path, rows: Sequence[Row], repeats: int) -> None:  # noqa: ARG001
    """Compare epochs with gradients joined at the representation with epochs of the plain sum."""
    ways: dict[str, Way] = {
        kind: lambda kind=kind: ours(folder, list(KINDS), epochs=2, balancing=kind)[1] for kind in ("fixed", *JOINED)
    }
    seconds = in_turn(ways, repeats, warm=True)
    for kind in JOINED:
        print(f"{kind}, at the representation, times the plain sum: {ratio(seconds[kind], seconds['fixed'])}")


PARTS = {"tasks": tasks_at_once, "frozen": frozen, "balancing": balancing}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS, nargs="?", default="tasks")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        PARTS[options.part](folder, prepare(folder, options.rows), options.repeats)


if __name__ == "__main__":
    main()
