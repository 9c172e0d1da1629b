"""Rows a second of learning all tasks at once, beside one Hugging Face Trainer run a task; ratios only.

    python benchmarks/training.py --rows 256

An encoder in the shape of MiniLM-L6 with random weights learns two classifications and one entities task from rows that
are labelled for all three. Both ways run with their defaults, in one process and on one thread, in turn. The CPU
seconds of the steps are compared: from the end of the first to the end of the last, so that neither reading nor saving
counts.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

# Before torch is imported: it reads its number of threads once.
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import torch
import transformers
from inference_work import SHAPES, VOCABULARY, make_texts, make_tokenizer, mixed_lengths, sentences_of_demo
from transformers import AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast, Trainer, TrainingArguments

import polyhead
from polyhead.training.progress import Silent

RECIPE = """
[encoder]
name = "encoder"
[tasks.topic]
kind = "classification"
[tasks.mood]
kind = "classification"
[tasks.names]
kind = "entities"
[[data.train]]
path = "train.jsonl"
[training]
epochs = 1
"""
TASKS = ("topic", "mood", "names")
TOPICS, MOODS = "abcdef", "xyz"
Row = dict[str, Any]


class Clock(Silent):
    """Notes the CPU second at which each step of ours ends."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def step(self, batches: int, losses: Mapping[str, float]) -> None:  # noqa: ARG002
        self.seconds.append(time.process_time())


class TimedTrainer(Trainer):
    """Notes the CPU second at which each step's gradients are there."""

    seconds: list[float]

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Compute the gradients, and take the time."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.seconds.append(time.process_time())
        return loss


def prepare(folder: Path, count: int) -> list[Row]:
    """Write an encoder, rows that are labelled for three tasks, and a recipe."""
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
    (folder / "recipe.toml").write_text(RECIPE)
    return rows


def ours(folder: Path, output: Path) -> float:
    """Train all tasks at once; return the CPU seconds of an epoch."""
    clock = Clock()
    polyhead.train(polyhead.load_recipe(folder / "recipe.toml"), output=output, progress=clock)
    return _of_an_epoch(clock.seconds)


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
    runner = TimedTrainer(
        kind.from_pretrained(folder / "encoder", num_labels=outputs),
        settings,
        train_dataset=items,  # pyright: ignore[reportArgumentType]  a list is what it reads row by row
        data_collator=collator(tokenizer),
    )
    runner.seconds = []
    runner.train()
    return _of_an_epoch(runner.seconds)


def _of_an_epoch(seconds: Sequence[float]) -> float:
    return (seconds[-1] - seconds[0]) / (len(seconds) - 1) * len(seconds)


def main() -> None:
    """Measure rows a second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    found: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = prepare(folder, options.rows)
        for repeat in range(options.repeats):
            own = ours(folder, folder / str(repeat))
            found.append(sum(trainer(folder, rows, task) for task in TASKS) / own)
            print(f"repeat {repeat}: {found[-1]:.2f}", file=sys.stderr)
    print(f"{len(TASKS)} tasks at once: {median(found):.2f} times as fast as {len(TASKS)} runs of the Trainer")


if __name__ == "__main__":
    main()
