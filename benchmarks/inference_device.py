"""What `inference.py --device` measures: the torch engine on an accelerator, beside what people run there today."""

import sys
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from inference_work import TASKS, Way, Work, pipelines, told
from sentence_transformers import SentenceTransformer

import polyhead

OURS, PEAK = "ours, torch", "matrix product"
SQUARE = {"cuda": 8192, "cpu": 1024}
"""Rows and columns of the matrices whose product is the peak."""

SMALLEST = 32
"""Texts of the smallest batch for sentence-transformers; the others are those of the pipelines."""


def ways(work: Work, device: torch.device, sizes: Sequence[int]) -> dict[str, Way]:
    """List what is measured; all in bfloat16 on CUDA, as `polyhead.load` chooses it, and in float32 elsewhere."""
    dtype = precision(device)
    own = polyhead.load(work.folder, engine="torch")
    sentences = SentenceTransformer(str(work.folder), device=str(device), model_kwargs={"dtype": dtype})
    texts, names = list(work.texts), list(TASKS)

    def encode(size: int) -> Way:
        return lambda: sentences.encode(texts, batch_size=size, show_progress_bar=False)

    found: dict[str, Way] = {
        OURS: lambda: own.predict(texts, names),
        "ours, one embedding only": lambda: own.embed(texts),
    }
    for size in sizes:
        found[f"three pipelines, batch {size}"] = pipelines(work, size, device=str(device), dtype=dtype)
    for size in sorted({SMALLEST, *sizes}):
        found[f"sentence-transformers encode, batch {size}"] = encode(size)
    return {**found, PEAK: product(work.operations(), device)}


def precision(device: torch.device) -> torch.dtype:
    """Choose the numbers that are multiplied."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def product(operations: float, device: torch.device) -> Way:
    """Multiply large matrices, for as many operations as the encoder needs for the texts."""
    size = SQUARE.get(device.type, SQUARE["cpu"])
    left, right = (torch.randn(size, size, device=device).to(precision(device)) for _ in range(2))
    into = torch.empty_like(left)
    whole, rest = divmod(operations, 2 * size**3)
    rows = max(1, round(rest / (2 * size**2)))

    def multiply() -> None:
        for _ in range(int(whole)):
            torch.mm(left, right, out=into)
        torch.mm(left[:rows], right, out=into[:rows])

    return multiply


def measured(found: Mapping[str, Way], device: torch.device, repeats: int) -> dict[str, np.ndarray]:
    """Run all ways in turn, after a round that warms up; seconds on the clock of each, shape `(repeats,)`."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for repeat in range(repeats + 1):
        for name, way in found.items():
            _wait(device)
            begin = time.perf_counter()
            way()
            _wait(device)
            if repeat:
                seconds[name].append(time.perf_counter() - begin)
        print(f"repeat {repeat} of {repeats} done", file=sys.stderr)
    return {name: np.array(of) for name, of in seconds.items()}


def measure_device(work: Work, device: torch.device, sizes: Sequence[int], *, repeats: int) -> None:
    """Print the table: real tokens a second, the share of the peak, and how ours compares.

    Args:
        work: texts and model; the model need not be exported.
        device: where all of it runs.
        sizes: batches of the pipelines.
        repeats: rounds that count.
    """
    seconds = measured(ways(work, device, sizes), device, repeats)
    tokens, operations = float(work.lengths(work.texts).sum()), work.operations()
    peak = operations / np.median(seconds[PEAK])
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a processor"
    print(f"\n{told(work, 32)}\n\nOn {name}, with torch {torch.__version__}")
    print(f"A {PEAK} in {precision(device)}: {peak / 1e12:.2f} TFLOP/s")
    print("\n| way | real tokens a second | % of the product | ours is faster, times |\n|---|---|---|---|")
    for way, own in seconds.items():
        share = 100 * np.median(seconds[PEAK] / own)
        # Three models multiply three times as much for the same answers; what counts is what one encoder needs.
        print(f"| {way} | {tokens / np.median(own):,.0f} | {share:.0f} | {np.median(own / seconds[OURS]):.2f} |")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
