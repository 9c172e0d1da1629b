"""What int8 costs: dev metrics before and after, and the search for layers that must stay in float32."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyhead.data.rows import Rows
from polyhead.runtime.engine import Engine
from polyhead.runtime.predictor import Predictor
from polyhead.tasks.base import Task
from polyhead.text.tokens import TextTokenizer
from polyhead.training.evaluation import evaluate

ALLOWED_LOSS = 0.5
"""Points of a task's primary metric that int8 may lose; a point is a hundredth of its range."""

FLOAT_SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Shares of the layers that are tried in float32, the worst first, until the loss is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What int8 costs.

    Args:
        rows: labelled rows that it was measured on; 0 when there were none.
        before: primary metric of each task in float32.
        after: primary metric of each task in int8.
        kept: weights that stay in float32.
    """

    rows: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    kept: tuple[str, ...] = ()

    @property
    def loss(self) -> float:
        """Return the points that the task which loses most has lost."""
        return max((100 * (self.before[task] - self.after[task]) for task in self.before), default=0.0)

    @property
    def allowed(self) -> bool:
        """Tell whether no task lost more than it may."""
        return self.loss <= ALLOWED_LOSS

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest keeps."""
        metrics = {task: {"before": self.before[task], "after": self.after[task]} for task in self.before}
        return {"rows": self.rows, "primary": metrics, "float_layers": list(self.kept)}


def primaries(engine: Engine, rows: Rows, *, tasks: Mapping[str, Task], tokenizer: TextTokenizer) -> dict[str, float]:
    """Return the primary metric of each task that the rows are labelled for."""
    metrics = evaluate(Predictor(tasks=tasks, tokenizer=tokenizer, engine=engine), rows)
    return {task: of["primary"] for task, of in metrics["tasks"].items() if of["rows"]}


def smallest_loss(attempt: Callable[[Sequence[str]], Measured], weakest_first: Callable[[], Sequence[str]]) -> Measured:
    """Convert all layers, and if that loses too much, ever fewer.

    Args:
        attempt: converts all but the given weights, and measures.
        weakest_first: orders the weights by what int8 does to them.

    Returns:
        The first attempt that loses no more than allowed, or else the one that loses least.
    """
    best = attempt(())
    if best.allowed:
        return best
    order = weakest_first()
    for share in FLOAT_SHARES if order else ():
        found = attempt(order[: math.ceil(share * len(order))])
        if found.loss < best.loss:
            best = found
        if best.allowed:
            break
    return best
