"""Scores of a model on rows, per task, and all tasks right at once."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from polyhead.data.rows import Rows
from polyhead.runtime.predictor import WINDOW_TEXTS, Predictor
from polyhead.tasks.base import Task
from polyhead.text.tokens import Passage
from polyhead.training.novelty import Names, unseen_scores

Judged = Mapping[str, tuple[Any, Any]]
"""The gold value and the answer of each task that a row is labelled for."""


def evaluate(predictor: Predictor, rows: Rows, *, seen: Names | None = None) -> dict[str, Any]:
    """Compare a model's answers with labelled rows.

    Args:
        predictor: the model, with any engine; what it answers is what is scored.
        rows: rows labelled for any of its tasks. A row counts for the tasks that it is labelled for.
        seen: names of entities in the training rows; when given, the other ones are scored apart as well.

    Returns:
        `{"rows": …, "all_right": …, "tasks": {name: {"kind", "rows", "primary", …}}}`; `all_right` is the share of
        the rows labelled for every task on which every task is exactly right, null when there are none.
    """
    tasks = predictor.tasks
    collected = _Collected(tasks)
    complete = right = 0
    for row in judged(predictor, rows, tuple(tasks)):
        collected.add(row)
        if len(row) == len(tasks):
            complete += 1
            right += all(tasks[name].right(value, answer) for name, (value, answer) in row.items())
    scores = {name: _scored(task, collected.values[name], collected.answers[name]) for name, task in tasks.items()}
    for name, names in (seen or {}).items():
        scores[name] |= unseen_scores(collected.values[name], collected.answers[name], names)
    return {"rows": len(rows), "all_right": right / complete if complete else None, "tasks": scores}


def tuned_tasks(predictor: Predictor, rows: Rows) -> dict[str, Task]:
    """Return the model's tasks with what is chosen on dev, such as thresholds."""
    tunable = {name: task for name, task in predictor.tasks.items() if task.tunes}
    collected = _Collected(tunable)
    for row in judged(predictor, rows, tuple(tunable)) if tunable else ():
        collected.add(row)
    tuned = {name: task.tuned(collected.values[name], collected.answers[name]) for name, task in tunable.items()}
    return {**predictor.tasks, **tuned}


def overall(tasks: Mapping[str, Task], metrics: Mapping[str, Any]) -> float:
    """Average the primary metrics of the tasks that have rows, by their `metric_weight`: it picks the best epoch."""
    scored = {name: of["primary"] for name, of in metrics["tasks"].items() if of["rows"]}
    weight = sum(tasks[name].metric_weight for name in scored)
    return sum(tasks[name].metric_weight * primary for name, primary in scored.items()) / weight if weight else 0.0


class _Collected:
    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self.values: dict[str, list[Any]] = {name: [] for name in tasks}
        self.answers: dict[str, list[Any]] = {name: [] for name in tasks}

    def add(self, row: Judged) -> None:
        for name, (value, answer) in row.items():
            self.values[name].append(value)
            self.answers[name].append(answer)


def judged(predictor: Predictor, rows: Rows, names: Sequence[str]) -> Iterator[Judged]:
    """Ask a model about labelled rows, a few thousand at a time, and yield each row's values and answers."""
    for begin in range(0, len(rows), WINDOW_TEXTS):
        indices = np.arange(begin, min(begin + WINDOW_TEXTS, len(rows)))
        passages = rows.passages(indices)
        gold = {name: rows.values(name, indices) for name in names}
        answers = _answers(predictor, passages, gold)
        for row in range(len(indices)):
            yield {name: (of[row], answers[name][row]) for name, of in gold.items() if of[row] is not None}


def _answers(
    predictor: Predictor, passages: Sequence[Passage], gold: Mapping[str, Sequence[Any]]
) -> dict[str, Sequence[Any]]:
    """Ask each task about each row, or about the sides of each row where it reads them apart."""
    answers: dict[str, Sequence[Any]] = {}
    for name, values in gold.items():
        pairs = zip(passages, values, strict=True)
        side = predictor.tasks[name].sides
        sides = [() if value is None else side(text.text, text.pair, value) for text, value in pairs]
        if any(sides):
            given = (answer[name] for answer in predictor.stream([text for of in sides for text in of], [name]))
            answers[name] = [tuple(islice(given, len(of))) for of in sides]
    together = [name for name in gold if name not in answers]
    rows = list(predictor.stream(passages, together)) if together else []
    return {**answers, **{name: [answer[name] for answer in rows] for name in together}}


def _scored(task: Task, values: list[Any], answers: list[Any]) -> dict[str, Any]:
    return {"kind": task.kind, "rows": len(values), **task.score(values, answers)}
