"""How low the 99th percentile of `serving.py` can be: the server's own queue on a clock that is only counted.

`python benchmarks/serving_simulated.py MODEL [--workers 2]` times passes of the model, fits what they cost, and plays
an open loop at 70 % of what 32 clients get, with workers that never disturb each other. What is measured above that
is what threads, the load generator and the rest of the machine take.
"""
# ruff: noqa: D103, S311  a script that measures, and talks to who started it

import argparse
import heapq
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# Before the libraries are loaded: a worker keeps one core busy.
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

from serving_load import mixed_texts

import polyhead
from polyhead.serving.batcher import AGE_SECONDS
from polyhead.serving.pace import PassCost
from polyhead.serving.waiting import WaitingText, WaitingTexts

CLIENTS = 32
BUDGET = 512
Law = Callable[[Sequence[int]], float]


def fitted_law(model: Path, texts: Sequence[str]) -> tuple[Law, PassCost, list[int]]:
    """Time passes of many sizes by the processor's clock, and fit a line through what they are made of."""
    predictor = polyhead.load(model, threads=1)
    names = list(predictor.tasks)
    tokenized = sorted(predictor.tokenize(texts, names), key=len)
    choose, made, spent = random.Random(0), [], []
    for number in range(300):
        rows = (1, 2, 4, 8, 16)[number % 5]
        begin = choose.randrange(len(tokenized) - rows)
        batch = tokenized[begin : begin + rows]
        began = time.thread_time()
        for answer in predictor.answers(predictor.run(batch, names), [names] * rows):
            answer.to_json()
        spent.append(time.thread_time() - began)
        made.append(_parts([len(text) for text in batch]))
    weights = 1 / np.array(spent)
    found = np.linalg.lstsq(np.array(made) * weights[:, None], np.ones(len(spent)), rcond=None)[0]
    cost = PassCost(float(found[0] / found[2]), float(found[2]))
    return lambda lengths: float(np.dot(_parts(lengths), found)), cost, [len(text) for text in tokenized]


def _parts(lengths: Sequence[int]) -> tuple[float, ...]:
    rows, longest = len(lengths), max(lengths)
    return 1, rows, rows * longest, rows * longest * longest


@dataclass(slots=True)
class Machine:
    """Workers, a queue and an event loop, played forward.

    Args:
        law: seconds of a pass over texts of these lengths.
        cost: what the queue believes about passes.
        workers: how many passes run at once.
        loop_seconds: what each request takes from the workers' cores before and after it.
        together: whether texts share passes; else they go one by one, first come, first served.
    """

    law: Law
    cost: PassCost
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
            return waiting.take(now, workers=self.workers, cost=self.cost)
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
    law, cost, lengths = fitted_law(chosen.model, mixed_texts(chosen.model, 600))
    alone = float(np.percentile([law([length]) for length in lengths], 99))
    asked = random.Random(2).choices(lengths, k=20_000)
    print(f"p99 of one text alone: {1000 * alone:.1f} ms; a pass costs {cost.tokens:.0f} tokens beside its own")
    for name, loop, together in (
        ("the server's queue", chosen.loop / 1000, True),
        ("the same, event loop and client for nothing", 0.0, True),
        ("one text a pass, first come, first served", chosen.loop / 1000, False),
    ):
        machine = Machine(law, cost, chosen.workers, loop, together)
        rate, _ = machine.play(asked[:4000])
        _, seconds = machine.play(asked, rate=0.7 * rate)
        print(f"{name:<46} {rate:4.0f} texts/s; p99 at 70 % / p99 alone {np.percentile(seconds, 99) / alone:.2f}")


if __name__ == "__main__":
    main()
