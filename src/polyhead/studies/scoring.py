"""Scores of a model on labelled rows, and on those rows less each group of them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyhead.data.rows import Rows
from polyhead.runtime.predictor import Predictor
from polyhead.spans import Booleans, Floats, Integers
from polyhead.training.evaluation import judged

TIMED_TEXTS = 256
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Scores:
    """How a model, or one model for each task, did on labelled rows.

    Args:
        primary: for each task, its primary metric on all rows and then on those less each group, shape `(1 + groups,)`.
        right: for each task, which rows are labelled for it and answered exactly right, shape `(rows,)`.
    """

    primary: Mapping[str, Floats]
    right: Mapping[str, Booleans]


def score(predictor: Predictor, rows: Rows, names: Sequence[str], *, groups: Integers) -> Scores:
    """Ask a model some of its tasks about all rows that are labelled for them.

    Args:
        predictor: the model.
        rows: the rows.
        names: the tasks.
        groups: the group of each row, counted from 0.
    """
    labelled: dict[str, list[int]] = {name: [] for name in names}
    pairs: dict[str, list[tuple[Any, Any]]] = {name: [] for name in names}
    right = {name: np.zeros(len(rows), dtype=bool) for name in names}
    for number, row in enumerate(judged(predictor, rows, names)):
        for name, (value, answer) in row.items():
            labelled[name].append(number)
            pairs[name].append((value, answer))
            right[name][number] = predictor.tasks[name].right(value, answer)
    primary: dict[str, Floats] = {}
    for name in names:
        group = groups[labelled[name]]
        kept = [np.arange(len(group)), *(np.flatnonzero(group != left) for left in range(int(groups.max()) + 1))]
        primary[name] = np.array([_primary(predictor, name, [pairs[name][place] for place in of]) for of in kept])
    return Scores(primary, right)


def joined(parts: Sequence[Scores]) -> Scores:
    """Take models of different tasks for one that answers them one after the other."""
    primary = {name: of for part in parts for name, of in part.primary.items()}
    right = {name: of for part in parts for name, of in part.right.items()}
    return Scores(primary, right)


def milliseconds_a_text(ways: Sequence[Sequence[tuple[Predictor, Sequence[str]]]], rows: Rows) -> list[float]:
    """Time ways of answering, each by one model or several that each answer some of their tasks.

    The ways take turns, so that whatever else the machine does hits all alike; each gets the median of its rounds.
    """
    passages = rows.passages(range(min(TIMED_TEXTS, len(rows))))
    seconds = np.zeros((ROUNDS, len(ways)))
    for turn in range(ROUNDS):
        for place, models in enumerate(ways):
            begin = time.perf_counter()
            for model, names in models:
                model.predict(passages, names)
            seconds[turn, place] = time.perf_counter() - begin
    return (1000 * np.median(seconds, axis=0) / len(passages)).tolist()


def _primary(predictor: Predictor, name: str, pairs: Sequence[tuple[Any, Any]]) -> float:
    values, answers = [value for value, _ in pairs], [answer for _, answer in pairs]
    return float(predictor.tasks[name].score(values, answers)["primary"])
