"""Whether a server answers as the predictor does, for `benchmarks/serving.py`."""
# ruff: noqa: ANN401, S311, PLR2004  a script that measures; what is drawn is no secret

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from serving_load import CLIENTS, Report, closed_loop, request_bytes

COMPARED = 500

PATIENCE = 20
"""How often a request that was refused for too much load is asked again."""

Shape = tuple[Sequence[str], Sequence[str]]
"""The texts and the tasks of a request."""


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
    wrong, others = 0, Counter[int]()
    for begin in range(0, count, 2000):
        shapes: list[Shape] = []
        for _ in range(min(2000, count - begin)):
            some = choose.sample(texts, choose.choice([1, 1, 1, 2, 5]))
            shapes.append((some, choose.sample(tasks, choose.randint(1, len(tasks)))))
        bodies = _answered(port, shapes, others)
        for (some, names), body in zip(shapes, bodies, strict=True):
            wanted = [answer.to_json() for answer in predictor.predict(some, names)]
            wrong += not alike(json.loads(body or b"{}").get("answers"), wanted)
        print(f"    {begin + len(shapes):,} asked, {wrong} differ", flush=True)
    print(f"{count:,} requests of mixed shape: {wrong} answers differ from the predictor's (numbers to 4 decimals)")
    if others:
        print(f"    answers beside 200, after each of which the request was asked again: {dict(others)}")
    return not wrong and set(others) <= {503}


def _answered(port: int, shapes: Sequence[Shape], others: Counter[int]) -> list[bytes]:
    """Ask, and ask again what was refused, as a client does that is told to come again; count the refusals."""
    bodies = [b""] * len(shapes)
    missing = list(range(len(shapes)))
    for _ in range(PATIENCE):
        requests = [request_bytes("/predict", dict(zip(("texts", "tasks"), shapes[n], strict=True))) for n in missing]
        report = asyncio.run(closed_loop(port, requests, clients=CLIENTS))
        for place, number in enumerate(missing):
            bodies[number] = report.bodies[place]
        others.update(status for status in report.statuses if status != 200)
        missing = [number for number in missing if not bodies[number].startswith(b'{"answers"')]
        if not missing:
            break
        time.sleep(1)
    return bodies


def alike(found: Any, wanted: Any) -> bool:
    """Tell whether two answers are the same, numbers to four decimals."""
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and found.keys() == wanted.keys()
            and all(alike(found[k], wanted[k]) for k in wanted)
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(alike, found, wanted))
    return abs(found - wanted) < 1e-4 if isinstance(wanted, float) else found == wanted
