"""Time and memory of a training step for every kind of balancing, relative to the plain sum.

    python benchmarks/balancing.py [--steps 12] [--rounds 3] [--layers 4] [--width 256]

The encoder is a BERT with random weights, the tasks are two about texts and one about words, the rows are made up.
Rounds go through all kinds in turn, so that a busy machine slows them all; each cell is the median over rounds.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

CASES = {"fixed": {"kind": "fixed"}}


def cases() -> dict[str, dict[str, Any]]:
    """List what is measured, by name."""
    from polyhead.balancing._gradients import GradientBalancing  # noqa: PLC0415
    from polyhead.registry import find, kinds  # noqa: PLC0415

    found: dict[str, dict[str, Any]] = dict(CASES)
    for kind in kinds("balancing"):
        found[kind] = {"kind": kind}
        if issubclass(find("balancing", kind), GradientBalancing):
            found[f"{kind}, parameters"] = {"kind": kind, "at": "parameters"}
    return found


def measure(balancing: dict[str, Any], *, steps: int, layers: int, width: int) -> dict[str, float]:
    """Time one kind in this process: CPU seconds of a step, and the highest memory in MiB."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from accelerate import Accelerator  # noqa: PLC0415
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415
    from transformers import BertConfig, BertModel  # noqa: PLC0415

    from polyhead.model.multitask import MultiTaskModel  # noqa: PLC0415
    from polyhead.recipe import parse_recipe  # noqa: PLC0415
    from polyhead.spans import Span  # noqa: PLC0415
    from polyhead.tasks.classification import Classification  # noqa: PLC0415
    from polyhead.tasks.entities import Entities  # noqa: PLC0415
    from polyhead.text.tokens import TextTokenizer  # noqa: PLC0415
    from polyhead.training.gradients import Gradients  # noqa: PLC0415
    from polyhead.training.steps import Labelled  # noqa: PLC0415

    torch.set_num_threads(1)
    torch.manual_seed(0)
    words = {f"w{number}": number for number in range(2000)}
    raw = Tokenizer(models.WordLevel(words, unk_token="w0"))  # noqa: S106  a piece of text
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = TextTokenizer(raw, max_tokens=128, padding_id=0, filler_id=0)
    encoder = BertModel(
        BertConfig(
            vocab_size=2000,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=4,
            intermediate_size=4 * width,
        ),
        add_pooling_layer=False,
    )
    tasks = {
        "topic": Classification(labels=tuple("abcd")),
        "mood": Classification(labels=tuple("xyz")),
        "people": Entities(labels=("PERSON",)),
    }
    document = {
        "encoder": {"name": "none"},
        "tasks": {name: {"kind": task.kind, "labels": list(task.known_labels)} for name, task in tasks.items()},
        "data": {"train": [{"path": "none"}]},
        "balancing": balancing,
    }
    recipe = parse_recipe(document, folder=Path(), source="benchmark")
    model = MultiTaskModel(encoder=encoder, tokenizer=tokenizer, tasks=tasks, pooling="mean", projection=None)
    generator = np.random.default_rng(0)
    texts = [" ".join(f"w{word}" for word in generator.integers(1, 2000, 32)) for _ in range(32)]
    batch = tokenizer.batch(tokenizer.tokenize(texts, words=True))
    values = {
        "topic": [str(label) for label in generator.choice(list("abcd"), 32)],
        "mood": [str(label) for label in generator.choice(list("xyz"), 32)],
        "people": [(Span(0, text.index(" "), "PERSON", text[: text.index(" ")]),) for text in texts],
    }
    targets = {name: task.targets(values[name], batch) for name, task in tasks.items()}
    part = Labelled(batch, targets, {name: task.observed(targets[name]) for name, task in tasks.items()})
    accelerator = Accelerator(cpu=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    gradients = Gradients(model, model, recipe=recipe, accelerator=accelerator)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--one", default="")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(json.loads(given.one), steps=given.steps, layers=given.layers, width=given.width)))
        return
    chosen = {name: case for name, case in cases().items() if not given.only or name in {"fixed", *given.only}}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in chosen}
    with TemporaryDirectory() as home:
        for _ in range(given.rounds):
            for name, case in chosen.items():
                command = [sys.executable, __file__, "--one", json.dumps(case), "--steps", str(given.steps)]
                command += ["--layers", str(given.layers), "--width", str(given.width)]
                result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=home)  # noqa: S603
                if result.returncode:
                    print(f"{name}: {result.stderr.splitlines()[-1]}", file=sys.stderr)
                    continue
                found[name].append(json.loads(result.stdout))
    print("| kind | time a step | memory |\n|---|---|---|")
    base = found["fixed"]
    for name, cells in found.items():
        if cells:
            time_ratio = median(c["seconds"] / b["seconds"] for c, b in zip(cells, base, strict=False))
            memory = median(c["memory"] for c in cells) - median(b["memory"] for b in base)
            print(f"| `{name}` | {time_ratio:.2f}x | {memory:+.0f} MiB |")


if __name__ == "__main__":
    main()
