"""The order in which training meets its rows: a pure function of the seed and the epoch.

No state is kept, so going on after an interruption needs nothing but the epoch and the batch it was in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from polyhead.spans import Booleans, Floats, Integers
from polyhead.text.planner import plan_batches

WINDOW_BATCHES = 50


class _Purpose(IntEnum):
    """Keep the random streams apart that are drawn from one seed."""

    GROUP = 1
    EPOCH = 2
    BATCHES = 3


@dataclass(frozen=True, slots=True)
class TaskShare:
    """How much of an epoch goes to one task.

    Args:
        task: the name of the task.
        rows: rows labelled for it.
        share: its part of the labelled draws of an epoch; over all tasks they sum to 1.
        passes_per_epoch: how often an epoch draws each of its rows, on average.
    """

    task: str
    rows: int
    share: float
    passes_per_epoch: float


class EpochOrder:
    """Draw the rows of each epoch, as many as are labelled, so that the tasks get their shares.

    Rows fall in groups by the set of tasks that they are labelled for. A group is drawn as a stream of permutations
    that goes on from epoch to epoch: each of its rows comes once before any comes again. A group's rate is the mean,
    over its tasks, of the task's share of the draws to its share of the rows; shares in proportion to size draw every
    row once an epoch. Where rows bear several labels the shares reached are in `table`.

    Args:
        labelled: which row is labelled for which task, shape `(rows, tasks)`; rows without a label are never drawn.
        task_names: the name of each column.
        shares: the wanted share of each task.
        seed: fixes every draw.
    """

    def __init__(
        self, labelled: Booleans, task_names: Sequence[str], *, shares: Mapping[str, float], seed: int
    ) -> None:
        self._seed = seed
        self._task_names = tuple(task_names)
        self._task_rows: Integers = labelled.sum(axis=0)
        self._groups = _groups(labelled)
        self._members = np.array([labelled[rows[0]] for rows in self._groups]).reshape(-1, labelled.shape[1])
        ratio = np.array([shares[name] for name in task_names]) / np.maximum(1, self._task_rows)
        rates = (self._members * ratio).sum(axis=1) / self._members.sum(axis=1)
        self._draws = _whole(rates, np.array([len(rows) for rows in self._groups]))

    def epoch(self, number: int) -> Integers:
        """List the rows of an epoch, in the order in which they are drawn."""
        drawn = [self._stream(group, number) for group in range(len(self._groups))]
        return self._generator(_Purpose.EPOCH, number).permutation(np.concatenate(drawn, dtype=np.int64))

    def batches(self, number: int, lengths: Integers, *, budget: int) -> list[Integers]:
        """Cut an epoch into batches of rows of similar length, in random order.

        Args:
            number: the epoch.
            lengths: tokens of each row, shape `(rows,)`.
            budget: rows times longest row of a batch; a longer row makes a batch of its own.
        """
        rows = self.epoch(number)
        # Sorting within windows only keeps batches random; rows of equal length stay in the epoch's random order.
        window = np.cumsum(lengths[rows], dtype=np.int64) // (WINDOW_BATCHES * budget)
        parts = np.split(rows, np.flatnonzero(np.diff(window)) + 1)
        batches = [part[chosen] for part in parts for chosen in plan_batches(lengths[part], budget=budget)]
        return [batches[i] for i in self._generator(_Purpose.BATCHES, number).permutation(len(batches))]

    def table(self) -> list[TaskShare]:
        """Tell what each task gets of an epoch, for printing."""
        draws = (self._members * self._draws[:, None]).sum(axis=0)
        return [
            TaskShare(name, int(rows), float(drawn / draws.sum()), float(drawn / max(1, rows)))
            for name, rows, drawn in zip(self._task_names, self._task_rows, draws, strict=True)
        ]

    def _stream(self, group: int, epoch: int) -> Integers:
        rows, draws = self._groups[group], int(self._draws[group])
        begin = epoch * draws
        first, last = begin // len(rows), (begin + draws - 1) // len(rows)
        permutations = [
            self._generator(_Purpose.GROUP, cycle, group).permutation(rows) for cycle in range(first, last + 1)
        ]
        offset = begin - first * len(rows)
        return np.concatenate([*permutations, rows[:0]])[offset : offset + draws]

    def _generator(self, purpose: _Purpose, number: int, group: int = 0) -> np.random.Generator:
        # Always four words: numpy takes [1, 2] and [1, 2, 0] for the same seed.
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, purpose, number, group])))


def _groups(labelled: Booleans) -> list[Integers]:
    """Part the labelled rows by the exact set of their tasks."""
    rows = np.flatnonzero(labelled.any(axis=1))
    group = np.zeros(len(rows), dtype=np.int64)
    # Eight tasks at a time: numpy's own search for equal rows takes twenty times as long.
    for byte in np.packbits(labelled[rows], axis=1).T:
        group = np.unique(group * 256 + byte, return_inverse=True)[1]
    return np.split(rows[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])


def _whole(rates: Floats, sizes: Integers) -> Integers:
    """Give each group its whole number of draws in proportion to `rates * sizes`; they sum to the rows.

    A group whose rate is above 0 gets a draw at least, else its rows would never come.
    """
    exact = rates * sizes
    exact = exact * (sizes.sum() / exact.sum())
    least = (exact > 0).astype(np.int64)
    draws = np.maximum(least, np.floor(exact).astype(np.int64))
    while (missing := int(sizes.sum() - draws.sum())) != 0:
        gap = np.where((missing > 0) | (draws > least), exact - draws, np.inf)
        draws[gap.argmax() if missing > 0 else gap.argmin()] += np.sign(missing)
    return draws
