"""Whether a server answers as the predictor does, for `benchmarks/serving.py`."""
# ruff: noqa: ANN401, S311, PLR2004  a script that measures; what is drawn is no secret

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

from serving_load import CLIENTS, Report, closed_loop, request_bytes

COMPARED = 500


def wrong_answers(predictor: Any, texts: Sequence[str], report: Report) -> int:
    """Compare some of the answers to the texts, asked over and over, with the predictor's."""
    answered = [number for number, body in sorted(report.bodies.items()) if body.startswith(b'{"answers"')]
    chosen = answered[:: max(1, len(answered) // COMPARED)][:COMPARED]
    wanted = predictor.predict([texts[number % len(texts)] for number in chosen])
    found = [json.loads(report.bodies[number])["answers"] for number in chosen]
    return sum(not alike(each, [answer.to_json()]) for each, answer in zip(found, wanted, strict=True))


def exact(predictor: Any, texts: Sequence[str], port: int, *, count: int, seed: int) -> bool:
    """Ask in mixed shapes, compare every answer with the predictor's, and tell whether all are right."""
    choose, tasks = random.Random(seed), list(predictor.tasks)
    wrong = 0
    for begin in range(0, count, 2000):
        shapes = []
        for _ in range(min(2000, count - begin)):
            some = choose.sample(texts, choose.choice([1, 1, 1, 2, 5]))
            shapes.append((some, choose.sample(tasks, choose.randint(1, len(tasks)))))
        requests = [request_bytes("/predict", {"texts": some, "tasks": names}) for some, names in shapes]
        report = asyncio.run(closed_loop(port, requests, clients=CLIENTS))
        for number, (some, names) in enumerate(shapes):
            wanted = [answer.to_json() for answer in predictor.predict(some, names)]
            wrong += report.bodies[number] == b"" or not alike(json.loads(report.bodies[number])["answers"], wanted)
    print(f"{count:,} requests of mixed shape: {wrong} answers differ from the predictor's (numbers to 4 decimals)")
    return not wrong


def alike(found: Any, wanted: Any) -> bool:
    """Tell whether two answers are the same, numbers to four decimals."""
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(alike(found[k], wanted[k]) for k in wanted)
        )
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(alike, found, wanted))
    return abs(found - wanted) < 1e-4 if isinstance(wanted, float) else found == wanted
