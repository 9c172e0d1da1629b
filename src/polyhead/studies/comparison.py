"""What training together is worth beside training alone, for each task and over all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from polyhead.spans import Booleans, Floats, Integers
from polyhead.studies.differences import CONFIDENCE, Difference, compare_scores
from polyhead.studies.scoring import Scores

FEWEST_ROWS = 20
"""Rows by which something can be judged."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one model for all tasks takes, or the models for each.

    Args:
        megabytes: size of the weights, on average over the seeds.
        milliseconds_a_text: time to answer every task about one text, by the models of the first seed.
        training_minutes: time to train, on average over the seeds.
    """

    megabytes: float
    milliseconds_a_text: float
    training_minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """What sharing is worth.

    Args:
        tasks: to each task's primary metric.
        mean: to the mean of these.
        all_right: to the share of the rows labelled for every task on which every task is exactly right; absent where
            there are fewer than 20 of them.
    """

    tasks: Mapping[str, Difference]
    mean: Difference
    all_right: Difference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The result of comparing one model for all tasks with one for each.

    Args:
        split: the rows that were judged by: `test`, or `dev`, which also chose the epochs.
        rows: how many there are.
        seeds: the seeds of the trainings.
        differences: what sharing is worth.
        together: what the one model takes.
        alone: what the models for each task take, all of them.
    """

    split: str
    rows: int
    seeds: tuple[int, ...]
    differences: Differences
    together: Cost
    alone: Cost

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain Python values."""
        found = self.differences
        return {
            "split": self.split,
            "rows": self.rows,
            "seeds": list(self.seeds),
            "confidence": CONFIDENCE,
            "tasks": {name: difference.to_json() for name, difference in found.tasks.items()},
            "mean": found.mean.to_json(),
            "all_right": None if found.all_right is None else found.all_right.to_json(),
            "cost": {"alone": asdict(self.alone), "together": asdict(self.together)},
        }


def compare_models(
    alone: Sequence[Scores], together: Sequence[Scores], *, complete: Booleans, groups: Integers
) -> Differences:
    """Compare the models of one seed after the other.

    Args:
        alone: scores of the models for each task.
        together: scores of the models for all tasks.
        complete: which rows are labelled for every task, shape `(rows,)`.
        groups: the group of each row.
    """

    def mean(of: Scores) -> Floats:
        return np.mean(list(of.primary.values()), axis=0)

    def all_right(of: Scores) -> Floats:
        right = np.logical_and.reduce(list(of.right.values()))
        kept = [complete, *(complete & (groups != group) for group in range(int(groups.max()) + 1))]
        return np.array([right[rows].mean() for rows in kept])

    enough = complete.sum() >= FEWEST_ROWS
    return Differences(
        tasks={
            name: _difference([of.primary[name] for of in alone], [of.primary[name] for of in together])
            for name in together[0].primary
        },
        mean=_difference([mean(of) for of in alone], [mean(of) for of in together]),
        all_right=_difference([all_right(of) for of in alone], [all_right(of) for of in together]) if enough else None,
    )


def _difference(alone: Sequence[Floats], together: Sequence[Floats]) -> Difference:
    """Compare scores on all rows and on those less each group, shape `(1 + groups,)` for each seed."""
    both = np.stack([np.stack(alone), np.stack(together)], axis=-1)
    return compare_scores(both[:, 0], both[:, 1:].transpose(1, 0, 2))
