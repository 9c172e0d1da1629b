"""What whole processes cost: one text, beside three pipelines, and a million texts, beside ten thousand.

    python benchmarks/processes.py --shape minilm [--many 1000000]

Weights are random. Each line is a process of its own: its CPU seconds, start and loading included, and the most memory
that it held.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

# Before torch is imported: it reads its number of threads once.
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

from inference_work import SHAPES, TASKS, prepared

MEMORY = """
import atexit, sys
def tell():
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
atexit.register(tell)
"""
# What the system tells of a child's memory begins with that of its parent.
POLYHEAD = MEMORY + "import sys; sys.argv[0] = 'polyhead'; from polyhead.cli.app import main; main()"
PIPELINES = f"""{MEMORY}
import transformers
folders, text = sys.argv[1:4], sys.argv[4]
kinds = ("text-classification", "text-classification", "token-classification")
for kind, folder in zip(kinds, folders):
    print(transformers.pipeline(kind, model=folder, device="cpu")(text)[:1])
"""
FEW = 10_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took.

    Args:
        seconds: of CPU, the system's for it included.
        megabytes: the most memory that it held.
    """

    seconds: float
    megabytes: float


def cost(*words: str) -> Cost:
    """Run Python to its end, and return what it took."""
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=told)  # noqa: S603  our own
        _, status, usage = os.wait4(process.pid, 0)
        told.seek(0)
        kilobytes = told.read().split()[-1]
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        message = f"{words} ended with {process.returncode}"
        raise RuntimeError(message)
    return Cost(usage.ru_utime + usage.ru_stime, int(kilobytes) / 1024)


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the medians."""
    return Cost(median(each.seconds for each in costs), median(each.megabytes for each in costs))


def separate_models(model: Path, folder: Path) -> list[str]:
    """Write three fine-tuned models of the same shape, and return their folders."""
    import transformers  # noqa: PLC0415  only where it is compared with

    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    configuration: dict[str, Any] = json.loads((model / "config.json").read_text(encoding="utf-8"))
    made: list[str] = []
    for name, task in TASKS.items():
        words = task.level == "words"
        kind = transformers.BertForTokenClassification if words else transformers.BertForSequenceClassification
        settings = transformers.BertConfig.from_dict(
            {**configuration, "num_labels": task.outputs, "architectures": None}
        )
        kind(settings).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        made.append(str(folder / name))
    return made


def one_text(model: Path, folder: Path, repeats: int) -> None:
    """Compare processes that answer one text."""
    theirs = separate_models(model, folder)
    text = "The parcel from Utrecht never came."
    ways = {
        "polyhead predict, int8": ("-c", POLYHEAD, "predict", str(model), text, "--engine", "onnx-int8"),
        "polyhead predict, float32": ("-c", POLYHEAD, "predict", str(model), text, "--engine", "onnx"),
        "three pipelines": ("-c", PIPELINES, *theirs, text),
    }
    taken: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, words in ways.items():
            taken[name].append(cost(*words))
    base = middle(taken["three pipelines"])
    for name, costs in taken.items():
        own = middle(costs)
        ratio = f"{base.seconds / own.seconds:.1f} times less CPU than three pipelines"
        print(f"{name}: {own.seconds:.2f} CPU seconds, {own.megabytes:.0f} MB; {ratio}")


def many_texts(model: Path, folder: Path, texts: Sequence[str], many: int) -> None:
    """Compare a text's share of the CPU in a small file and in a large one."""

    def answered(count: int) -> Cost:
        source = folder / f"{count}.txt"
        with source.open("w", encoding="utf-8") as file:
            file.writelines(texts[number % len(texts)] + "\n" for number in range(count))
        answers = str(folder / "answers.jsonl")
        words = ("--input", str(source), "--output", answers, "--engine", "onnx-int8", "--threads", "1")
        return cost("-c", POLYHEAD, "predict", str(model), *words)

    start, few, all_of_them = answered(1), answered(FEW), answered(many)
    a_text = [(own.seconds - start.seconds) / (count - 1) for own, count in ((few, FEW), (all_of_them, many))]
    print(f"{many:,} texts: {a_text[0] / a_text[1]:.3f} times the texts a CPU second of {FEW:,}, once it has started")
    print(f"memory: {few.megabytes:.0f} MB with {FEW:,} texts, {all_of_them.megabytes:.0f} MB with {many:,}")


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="minilm")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--many", type=int, help=f"texts to compare with {FEW:,}, instead of one text")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        work = prepared(options.shape, 512, folder)
        if options.many is None:
            one_text(work.folder, folder, options.repeats)
        else:
            short = [text for text, length in zip(work.texts, work.lengths(work.texts), strict=True) if length < 22]  # noqa: PLR2004
            many_texts(work.folder, folder, short, options.many)


if __name__ == "__main__":
    main()
