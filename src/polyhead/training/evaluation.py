"""Scores of a model on rows, per task, and all tasks right at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from polyhead.data.rows import Rows
from polyhead.runtime.predictor import WINDOW_TEXTS, Predictor
from polyhead.tasks.base import Task


def evaluate(predictor: Predictor, rows: Rows) -> dict[str, Any]:
    """Compare a model's answers with labelled rows.

    Args:
        predictor: the model, with any engine; what it answers is what is scored.
        rows: rows labelled for any of its tasks. A row counts for the tasks that it is labelled for.

    Returns:
        `{"rows": …, "all_right": …, "tasks": {name: {"kind", "rows", "primary", …}}}`; `all_right` is the share of
        the rows labelled for every task on which every task is exactly right, null when there are none.
    """
    values: dict[str, list[Any]] = {name: [] for name in predictor.tasks}
    answers: dict[str, list[Any]] = {name: [] for name in predictor.tasks}
    complete = right = 0
    for begin in range(0, len(rows), WINDOW_TEXTS):
        indices = np.arange(begin, min(begin + WINDOW_TEXTS, len(rows)))
        gold = {name: rows.values(name, indices) for name in predictor.tasks}
        for row, answer in enumerate(predictor.stream(rows.texts(indices))):
            labelled = {name: of[row] for name, of in gold.items() if of[row] is not None}
            for name, value in labelled.items():
                values[name].append(value)
                answers[name].append(answer[name])
            if len(labelled) == len(gold):
                complete += 1
                right += all(predictor.tasks[name].right(value, answer[name]) for name, value in labelled.items())
    scores = {name: _scored(task, values[name], answers[name]) for name, task in predictor.tasks.items()}
    return {"rows": len(rows), "all_right": right / complete if complete else None, "tasks": scores}


def overall(tasks: Mapping[str, Task], metrics: Mapping[str, Any]) -> float:
    """Average the primary metrics of the tasks that have rows, by their `metric_weight`: it picks the best epoch."""
    scored = {name: of["primary"] for name, of in metrics["tasks"].items() if of["rows"]}
    weight = sum(tasks[name].metric_weight for name in scored)
    return sum(tasks[name].metric_weight * primary for name, primary in scored.items()) / weight if weight else 0.0


def _scored(task: Task, values: list[Any], answers: list[Any]) -> dict[str, Any]:
    return {"kind": task.kind, "rows": len(values), **task.score(values, answers)}
