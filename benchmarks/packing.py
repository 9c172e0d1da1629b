"""What leaving out padding gains: `python benchmarks/packing.py`, or with names of shapes and `--budgets 512 1024`.

Every way runs in turn, A B A B, in one process on one thread; what is shown are medians of ratios within a round, from
CPU seconds. `of peak` is the share of a matrix product of 1024 x 1024 x 1024 in the same round that the multiplications
of real tokens come to. Weights are random. BGE-large takes minutes, so it runs when it is named.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModel, BertConfig, GPTNeoConfig, PreTrainedModel

from polyhead.model.compact import build_compact
from polyhead.model.packed.states import encode
from polyhead.spans import Integers
from polyhead.text.planner import plan_batches

VOCABULARY = 30_522
Batch = tuple[Tensor, Tensor]


def bert(layers: int, width: int, heads: int) -> PreTrainedModel:
    """Make a BERT of a shape."""
    configuration = BertConfig(
        num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads, intermediate_size=4 * width
    )
    return AutoModel.from_config(configuration)


def gpt_neo() -> PreTrainedModel:
    """Make a GPT-Neo of 125 million weights."""
    return AutoModel.from_config(
        GPTNeoConfig(num_layers=12, hidden_size=768, num_heads=12, attention_types=[[["global", "local"], 6]])
    )


def compact() -> PreTrainedModel:
    """Make the built-in encoder with a full vocabulary of made-up words."""
    generator = np.random.default_rng(0)
    letters = np.array(list("eeeettaaooiinnsshhrrddlucmfwypvbgkjqxz"))
    words = ["".join(generator.choice(letters, size=n)) for n in generator.integers(2, 10, 12_000)]
    return build_compact([" ".join(words[i : i + 20]) for i in range(0, len(words), 10)], 0).module


@dataclass(frozen=True, slots=True)
class Shape:
    """A model to measure.

    Args:
        build: makes it.
        tokens: about how many tokens of texts are run in a round.
    """

    build: Callable[[], PreTrainedModel]
    tokens: int


SHAPES: Mapping[str, Shape] = {
    "MiniLM-L6": Shape(lambda: bert(6, 384, 12), 2048),
    "BGE-small": Shape(lambda: bert(12, 384, 12), 2048),
    "compact": Shape(compact, 6144),
    "GPT-Neo-125M": Shape(gpt_neo, 512),
    "BGE-large": Shape(lambda: bert(24, 1024, 16), 1024),
}


def lengths_of(tokens: int, *, middle: float, spread: float) -> Integers:
    """Draw lengths of texts from a lognormal distribution."""
    drawn = np.exp(np.random.default_rng(1).normal(np.log(middle), spread, size=tokens))
    lengths = drawn.round().clip(3, 410).astype(np.int64)
    return lengths[: int(np.searchsorted(np.cumsum(lengths), tokens)) + 1]


def mixed(tokens: int) -> Integers:
    """Draw lengths of the mix: median 22 tokens, 95 % below 83, at most 410."""
    return lengths_of(tokens, middle=22, spread=np.log(83 / 22) / 1.645)


def news(tokens: int) -> Integers:
    """Draw lengths like those of ag_news in the tokens of compact: median 57, 95 % below 95."""
    return lengths_of(tokens, middle=57, spread=np.log(95 / 57) / 1.645)


def batches_of(lengths: Integers, plan: Sequence[Integers], vocabulary: int) -> list[Batch]:
    """Make up ids for planned texts."""
    generator = torch.Generator().manual_seed(2)
    batches: list[Batch] = []
    for rows in plan:
        mask = (torch.arange(int(lengths[rows].max())) < torch.from_numpy(lengths[rows])[:, None]).long()
        batches.append((torch.randint(5, vocabulary, mask.shape, generator=generator) * mask, mask))
    return batches


def stock(module: PreTrainedModel, batch: Batch) -> Tensor:
    """Run the forward of transformers, padded."""
    return module(input_ids=batch[0], attention_mask=batch[1]).last_hidden_state


def packed(module: PreTrainedModel, batch: Batch) -> Tensor:
    """Run without padding."""
    return encode(module, *batch).padded


def seconds(work: Callable[[], object]) -> float:
    """Measure the CPU seconds of a piece of work."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def multiplications(module: PreTrainedModel, lengths: Integers) -> float:
    """Count floating-point operations of the matrix products that real tokens need in one pass."""
    linear = sum(part.weight.numel() for part in module.modules() if isinstance(part, nn.Linear | nn.Conv1d))
    pooler = getattr(module, "pooler", None)
    linear -= 0 if pooler is None else pooler.dense.weight.numel()
    settings = module.config
    attention = 4.0 * settings.num_hidden_layers * settings.hidden_size * float((lengths**2).sum())
    return 2.0 * linear * float(lengths.sum()) + attention


def peak() -> float:
    """Measure floating-point operations a CPU second of one large matrix product."""
    square = torch.randn(1024, 1024)
    return 4 * 2 * 1024**3 / seconds(lambda: [square @ square for _ in range(4)])


def answer(module: PreTrainedModel, way: Callable[..., Tensor], batches: list[Batch]) -> None:
    """Run all batches as for prediction."""
    module.eval()
    with torch.inference_mode():
        for batch in batches:
            way(module, batch)


def learn(module: PreTrainedModel, way: Callable[..., Tensor], batches: list[Batch]) -> None:
    """Run all batches as training steps: forward, backward, clipping, AdamW."""
    module.train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-6, fused=True)
    for batch in batches:
        way(module, batch)[batch[1].bool()].square().mean().backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


Work = Callable[[PreTrainedModel, Callable[..., Tensor], list[Batch]], None]
Way = tuple[Callable[..., Tensor], list[Batch]]


def compare(
    name: str, work: Work, ways: Mapping[str, Way], *, module: PreTrainedModel, lengths: Integers, rounds: int
) -> None:
    """Run all ways in turn and print a row for each, against the first."""
    flops = multiplications(module, lengths) * (3 if work is learn else 1)
    spent: dict[str, list[float]] = {way: [] for way in ways}
    peaks: list[float] = []
    for number in range(rounds + 1):
        found = {way: seconds(lambda of=of: work(module, *of)) for way, of in ways.items()}
        found_peak = peak()
        # The first round warms up.
        if number:
            peaks.append(found_peak)
            for way, of in found.items():
                spent[way].append(of)
    first = next(iter(spent.values()))
    for way, of in spent.items():
        faster = median(base / own for base, own in zip(first, of, strict=True))
        share = median(flops / own / top for own, top in zip(of, peaks, strict=True))
        print(f"| {name} | {way} | {faster:.2f} | {share:.0%} |", flush=True)


def measure(name: str, budgets: list[int], rounds: int, *, works: tuple[Work, ...]) -> None:
    """Print the rows of a shape."""
    shape = SHAPES[name]
    module = shape.build()
    vocabulary = min(VOCABULARY, module.config.vocab_size)
    for work in works:
        lengths = mixed(shape.tokens) if work is answer else news(shape.tokens // 2)
        arrival = [np.arange(i, min(i + 32, len(lengths))) for i in range(0, len(lengths), 32)]
        ways: dict[str, Way] = {"padded, 32 as they come": (stock, batches_of(lengths, arrival, vocabulary))}
        for budget in budgets:
            batches = batches_of(lengths, plan_batches(lengths, budget=budget), vocabulary)
            ways |= {f"padded, {budget} tokens": (stock, batches), f"packed, {budget} tokens": (packed, batches)}
        # One window of texts that wait together, as when serving; sorting cannot help there.
        if work is answer:
            ways["packed, 32 as they come"] = (packed, ways["padded, 32 as they come"][1])
        compare(f"{name}, {work.__name__}", work, ways, module=module, lengths=lengths, rounds=rounds)


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=[name for name in SHAPES if name != "BGE-large"])
    parser.add_argument("--budgets", nargs="*", type=int, default=[256, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["answer", "learn"])
    chosen = parser.parse_args()
    works = tuple(work for work in (answer, learn) if chosen.only in (None, work.__name__))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| shape | way | times as fast | of peak |\n| --- | --- | --- | --- |")
    for name in chosen.shapes:
        measure(name, chosen.budgets, chosen.rounds, works=works)


if __name__ == "__main__":
    main()
