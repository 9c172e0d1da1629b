"""Time and memory of a training step for every kind of balancing, relative to the plain sum.

    python benchmarks/balancing.py [--steps 8] [--rounds 3] [--layers 4] [--width 256]

The encoder is a BERT with random weights, the tasks are two about texts and one about words, the rows are made up.
Rounds go through all kinds in turn, so that a busy machine slows them all; each cell is the median over rounds.
"""

import argparse
import resource
import time
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel

from polyhead.balancing._gradients import GradientBalancing
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import parse_recipe
from polyhead.registry import find, kinds
from polyhead.spans import Span
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer
from polyhead.training.gradients import Gradients
from polyhead.training.steps import Labelled, Targets


def cases() -> dict[str, dict[str, Any]]:
    """List what is measured, by name."""
    found: dict[str, dict[str, Any]] = {"fixed": {"kind": "fixed"}}
    for kind in kinds("balancing"):
        found[kind] = {"kind": kind}
        if issubclass(find("balancing", kind), GradientBalancing):
            found[f"{kind}, parameters"] = {"kind": kind, "at": "parameters"}
    return found


TASKS: dict[str, Task] = {
    "topic": Classification(labels=tuple("abcd")),
    "mood": Classification(labels=tuple("xyz")),
    "people": Entities(labels=("PERSON",), decoder="viterbi"),
}


def make_model(*, layers: int, width: int) -> MultiTaskModel:
    """Make a model of random weights over 2,000 words."""
    torch.manual_seed(0)
    words = {f"w{number}": number for number in range(2000)}
    raw = Tokenizer(models.WordLevel(words, unk_token="w0"))  # noqa: S106  a piece of text
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = TextTokenizer(raw, max_tokens=128, padding_id=0, filler_id=0)
    configuration = BertConfig(
        vocab_size=2000,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=4 * width,
    )
    encoder = BertModel(configuration, add_pooling_layer=False)
    return MultiTaskModel(encoder=encoder, tokenizer=tokenizer, tasks=TASKS, pooling="mean", projection=None)


def make_batch(tokenizer: TextTokenizer) -> Labelled:
    """Make 32 texts of 32 words, each labelled for every task."""
    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{word}" for word in generator.integers(1, 2000, 32)) for _ in range(32)]
    batch = tokenizer.batch(tokenizer.tokenize(texts, words=True))
    values: dict[str, list[Any]] = {
        "topic": [str(label) for label in generator.choice(list("abcd"), 32)],
        "mood": [str(label) for label in generator.choice(list("xyz"), 32)],
        "people": [(Span(0, text.index(" "), "PERSON", text[: text.index(" ")]),) for text in texts],
    }
    targets = {name: task.targets(values[name], batch) for name, task in TASKS.items()}
    rows, tokens = batch.ids.shape
    of = {name: Targets(found, TASKS[name].observed(found), 0, rows, tokens) for name, found in targets.items()}
    return Labelled(batch, None, of)


def measure(balancing: dict[str, Any], *, steps: int, layers: int, width: int) -> dict[str, float]:
    """Time one kind in this process: CPU seconds of a step, and the highest memory in MiB."""
    torch.set_num_threads(1)
    document = {
        "encoder": {"name": "none"},
        "tasks": {name: {"kind": task.kind} for name, task in TASKS.items()},
        "data": {"train": [{"path": "none"}]},
        "balancing": balancing,
    }
    recipe = parse_recipe(document, folder=Path(), source="benchmark").with_tasks(TASKS)
    model = make_model(layers=layers, width=width)
    part = make_batch(model.tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    gradients = Gradients(model, model, recipe=recipe, accelerator=Accelerator(cpu=True))
    times: list[float] = []
    for step in range(steps + 2):
        begin = time.process_time()
        gradients.compute([part], step=step)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        gradients.learn([part], step=step)
        times.append(time.process_time() - begin)
    return {"seconds": median(times[2:]), "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main() -> None:
    """Measure every kind in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--only", nargs="*", default=[])
    given = parser.parse_args()
    chosen = {name: case for name, case in cases().items() if not given.only or name in {"fixed", *given.only}}
    size = {"steps": given.steps, "layers": given.layers, "width": given.width}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    for _ in range(given.rounds):
        for name, case in chosen.items():
            # Packages are loaded once; the highest memory is a process's own.
            with get_context("fork").Pool(1) as pool:
                found[name].append(pool.apply(measure, (case,), size))
    print("| kind | time a step | memory |\n|---|---|---|")
    base = found["fixed"]
    for name, cells in found.items():
        time_ratio = median(c["seconds"] / b["seconds"] for c, b in zip(cells, base, strict=True))
        memory = median(c["memory"] for c in cells) - median(b["memory"] for b in base)
        print(f"| `{name}` | {time_ratio:.2f}x | {memory:+.0f} MiB |")


if __name__ == "__main__":
    main()
