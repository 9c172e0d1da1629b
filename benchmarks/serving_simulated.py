"""How low the 99th percentile of `serving.py` can be: the server's own queue on a clock that is only counted.

`python benchmarks/serving_simulated.py MODEL [--workers 2]` times passes of the model, fits what they cost, and plays
open loops at shares of what 32 clients get, with workers that never disturb each other. What is measured above that
is what threads, the load generator and the rest of the machine take. Where even an event loop and decoding that cost
nothing miss a number, the number is out of reach of this model's passes.
"""
# ruff: noqa: D103, S311  a script that measures, and talks to who started it

import argparse
import heapq
import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

# Before the libraries are loaded: a worker keeps one core busy.
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

from serving_load import mixed_texts

import polyhead
from polyhead.serving.batcher import AGE_SECONDS
from polyhead.serving.pace import PassCost
from polyhead.serving.waiting import WaitingText, WaitingTexts
from polyhead.text.planner import plan_batches

CLIENTS = 32
BUDGET = 512
SHARES = (0.5, 0.6, 0.7)


@dataclass(frozen=True, slots=True)
class Law:
    """What a pass costs, in seconds.

    Args:
        fixed: of the encoder, whatever it reads.
        real: a token that is read.
        padding: a place that is not: next to nothing in a graph that leaves padding out.
        decoding: of decoding, whatever there is to decode; the rest of it is in `real` and `padding`.
    """

    fixed: float
    real: float
    padding: float
    decoding: float

    def __call__(self, lengths: Sequence[int]) -> float:
        """Return the seconds of a pass over texts of these lengths."""
        real = sum(lengths)
        padding = len(lengths) * max(lengths) - real
        return self.fixed + self.decoding + self.real * real + self.padding * padding

    @property
    def cost(self) -> PassCost:
        """Return what the queue believes about it."""
        return PassCost((self.fixed + self.decoding) / self.real, self.real)


def fitted_law(model: Path, texts: Sequence[str]) -> tuple[Law, list[int]]:
    """Time passes of many sizes by the processor's clock, half of them of like lengths, and fit lines through them."""
    predictor = polyhead.load(model, threads=1)
    names = list(predictor.tasks)
    tokenized = predictor.tokenize(texts, names)
    ordered = sorted(tokenized, key=len)
    choose, made, spent = random.Random(0), [], []
    for number in range(400):
        rows = (1, 2, 4, 8, 16)[number % 5]
        begin = choose.randrange(len(ordered) - rows)
        batch = ordered[begin : begin + rows] if number % 2 else choose.sample(tokenized, rows)
        began = time.thread_time()
        found = predictor.run(batch, names)
        ran = time.thread_time()
        for answer in predictor.answers(found, [names] * rows):
            answer.to_json()
        spent.append((ran - began, time.thread_time() - began))
        real = sum(map(len, batch))
        made.append((1, real, rows * max(map(len, batch)) - real))
    running, whole = (_fitted(np.array(made), np.array(of)) for of in zip(*spent, strict=True))
    law = Law(fixed=running[0], real=whole[1], padding=whole[2], decoding=max(0.0, whole[0] - running[0]))
    return law, [len(text) for text in tokenized]


def _fitted(parts: np.ndarray, seconds: np.ndarray) -> list[float]:
    """Fit what each part costs, so that errors are shares of a pass."""
    weights = 1 / seconds
    return np.linalg.lstsq(parts * weights[:, None], np.ones(len(seconds)), rcond=None)[0].tolist()


def in_full_batches(law: Law, lengths: Sequence[int]) -> float:
    """Return the seconds of a text where all are there at once, as they are for a call of the predictor."""
    batches = plan_batches(lengths, budget=BUDGET)
    return sum(law([lengths[index] for index in batch]) for batch in batches) / len(lengths)


@dataclass(slots=True)
class Machine:
    """Workers, a queue and an event loop, played forward.

    Args:
        law: what a pass costs.
        workers: how many passes run at once.
        loop_seconds: what each request takes from the workers' cores before and after it.
        together: whether texts share passes; else they go one by one, first come, first served.
    """

    law: Law
    workers: int
    loop_seconds: float
    together: bool = True

    def play(self, lengths: Sequence[int], *, rate: float = 0.0) -> tuple[float, list[float]]:
        """Return the texts a second, and the seconds of each: an open loop at a rate, or 32 clients without one."""
        choose, waiting = random.Random(1), WaitingTexts[int](budget=BUDGET, age_seconds=AGE_SECONDS)
        moments = np.cumsum([choose.expovariate(rate) if rate else 0.0 for _ in lengths]).tolist()
        coming = moments if rate else moments[:CLIENTS]
        # Each moment at which something happens: a text comes, or a pass ends.
        events: list[tuple[float, int, list[int]]] = [(moment, 0, [index]) for index, moment in enumerate(coming)]
        free, came, done, further = self.workers, dict[int, float](), dict[int, float](), len(coming)
        heapq.heapify(events)
        now = 0.0
        while events:
            now, ended, indices = heapq.heappop(events)
            free += ended
            for index in indices:
                if ended:
                    done[index] = now - came[index] + self.loop_seconds / 2
                    if not rate and further < len(lengths):
                        heapq.heappush(events, (now + self.loop_seconds / 2, 0, [further]))
                        further += 1
                else:
                    came[index] = now
                    waiting.add([WaitingText(index, 0, lengths[index], "model", now)])
            while free and waiting:
                batch = self._taken(waiting, now)
                # The event loop runs on the same cores, so each text of a pass makes it that much longer.
                lasts = self.law([item.tokens for item in batch]) + len(batch) * self.loop_seconds
                heapq.heappush(events, (now + lasts, 1, [item.owner for item in batch]))
                free -= 1
        return len(lengths) / now, list(done.values())

    def _taken(self, waiting: WaitingTexts[int], now: float) -> list[WaitingText[int]]:
        if self.together:
            return waiting.take(now, workers=self.workers, cost=self.law.cost)
        oldest = waiting.oldest()
        assert oldest is not None  # noqa: S101  asked only when something waits
        waiting.drop(oldest.owner)
        return [oldest]


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("model", type=Path)
    reader.add_argument("--workers", type=int, default=2)
    reader.add_argument("--loop", type=float, default=0.7, help="milliseconds of event loop and client a request")
    chosen = reader.parse_args()
    law, lengths = fitted_law(chosen.model, mixed_texts(chosen.model, 600))
    alone = float(np.percentile([law([length]) for length in lengths], 99))
    bare = chosen.workers / in_full_batches(law, lengths)
    asked = random.Random(2).choices(lengths, k=20_000)
    told = ", ".join(f"{name} {1000 * value:.3f}" for name, value in asdict(law).items())
    print(f"milliseconds of a pass: {told}; p99 of one text alone: {1000 * alone:.1f}")
    free, loop = replace(law, decoding=0.0), chosen.loop / 1000
    for name, own, spent, together in (
        ("the server's queue", law, loop, True),
        ("the same, event loop and client for nothing", law, 0.0, True),
        ("the same, and the fixed part of decoding, too", free, 0.0, True),
        ("one text a pass, first come, first served", law, loop, False),
    ):
        machine = Machine(own, chosen.workers, spent, together)
        rate, _ = machine.play(asked[:4000])
        tails = [np.percentile(machine.play(asked, rate=share * rate)[1], 99) / alone for share in SHARES]
        shown = ", ".join(f"{share:.0%} {tail:.2f}" for share, tail in zip(SHARES, tails, strict=True))
        print(f"{name:<46} {rate / bare:.2f} of the predictor's texts/s; p99 beside p99 alone at {shown}")


if __name__ == "__main__":
    main()
