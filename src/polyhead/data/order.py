"""The order in which training meets its rows: a pure function of the seed and of where an epoch begins.

Where an epoch begins is a record of plain values, which a checkpoint keeps: shares may change between epochs, and
going on after an interruption is still the same to the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

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


def share_scalars(shares: Sequence[TaskShare]) -> dict[str, float]:
    """Name the shares of an epoch for the trackers."""
    every = {f"share/{of.task}": of.share for of in shares}
    return every | {f"passes_per_epoch/{of.task}": of.passes_per_epoch for of in shares}


@dataclass(frozen=True, slots=True)
class Epoch:
    """Where an epoch begins.

    Args:
        number: counted from 0.
        shares: the wanted share of each task.
        drawn: draws from each group of rows in the epochs before.
    """

    number: int
    shares: Mapping[str, float]
    drawn: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "shares": dict(self.shares), "drawn": list(self.drawn)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Epoch":
        """Read what `to_json` gave."""
        return cls(values["number"], values["shares"], tuple(values["drawn"]))


@dataclass(frozen=True, slots=True)
class Draw:
    """A batch as it is drawn.

    Args:
        rows: numbers of its rows, shape `(rows,)`.
        tasks: the tasks that learn from it.
    """

    rows: Integers
    tasks: tuple[str, ...]


class EpochOrder:
    """Draw the rows of each epoch so that the tasks get their shares.

    Mixed, rows fall in groups by the set of tasks that they are labelled for, and an epoch draws as many rows as are
    labelled. A group's rate is the mean, over its tasks, of the task's share of the draws to its share of the rows;
    shares in proportion to size draw every row once an epoch. Where rows bear several labels the shares reached are
    in `table`. Not mixed, each task is a group of its own, a row labelled for two tasks is in both, and an epoch draws
    as many rows as there are labels.

    A group is drawn as a stream of permutations that goes on from epoch to epoch: each of its rows comes once before
    any comes again.

    Args:
        labelled: which row is labelled for which task, shape `(rows, tasks)`; rows without a label are never drawn.
        task_names: the name of each column.
        seed: fixes every draw.
        mix: whether a batch may hold rows of several tasks.
        turns: whether unmixed batches come in turns instead of in random order.
    """

    def __init__(
        self, labelled: Booleans, task_names: Sequence[str], *, seed: int, mix: bool = True, turns: bool = False
    ) -> None:
        self.mix = mix
        self._seed, self._turns = seed, turns
        self.task_names = tuple(task_names)
        self._task_rows: Integers = labelled.sum(axis=0)
        if mix:
            self._groups = _groups(labelled)
            self._members = np.array([labelled[rows[0]] for rows in self._groups]).reshape(-1, labelled.shape[1])
        else:
            self._groups = [np.flatnonzero(column) for column in labelled.T if column.any()]
            self._members = np.eye(labelled.shape[1], dtype=bool)[labelled.any(axis=0)]

    @property
    def most_labels(self) -> int:
        """Count the tasks that learn from one row of a batch, at most."""
        return int(self._members.sum(axis=1).max(initial=0))

    def labelled_rows(self) -> Integers:
        """List the rows that are labelled for anything, each once."""
        return np.unique(np.concatenate(self._groups, dtype=np.int64))

    def first(self, shares: Mapping[str, float]) -> Epoch:
        """Return the beginning of the first epoch."""
        return Epoch(0, dict(shares), (0,) * len(self._groups))

    def after(self, epoch: Epoch, shares: Mapping[str, float]) -> Epoch:
        """Return the beginning of the epoch that follows one, perhaps with other shares."""
        drawn = np.array(epoch.drawn, dtype=np.int64) + self._draws(epoch.shares)
        return Epoch(epoch.number + 1, dict(shares), tuple(drawn.tolist()))

    def rows(self, epoch: Epoch) -> Integers:
        """List the rows of an epoch, in the order in which they are drawn."""
        drawn = self._drawn(epoch)
        return self._generator(_Purpose.EPOCH, epoch.number).permutation(np.concatenate(drawn, dtype=np.int64))

    def batches(self, epoch: Epoch, lengths: Integers, *, budget: int) -> list[Draw]:
        """Cut an epoch into batches of rows of similar length, in random order or in turns.

        Args:
            epoch: where it begins.
            lengths: tokens of each row, shape `(rows,)`.
            budget: rows times longest row of a batch; a longer row makes a batch of its own.
        """
        if self.mix:
            batches = [Draw(rows, self.task_names) for rows in _cut(self.rows(epoch), lengths, budget)]
            return [batches[i] for i in self._generator(_Purpose.BATCHES, epoch.number).permutation(len(batches))]
        parts: list[list[Draw]] = []
        for group, drawn in enumerate(self._drawn(epoch)):
            shuffled = self._generator(_Purpose.EPOCH, epoch.number, group).permutation(drawn)
            names = (self.task_names[int(self._members[group].argmax())],)
            cut = [Draw(rows, names) for rows in _cut(shuffled, lengths, budget)]
            parts.append([cut[i] for i in self._generator(_Purpose.BATCHES, epoch.number, group).permutation(len(cut))])
        every = [draw for part in parts for draw in part]
        # Evenly: the first of three batches comes at 1/6 of the epoch, the first of two at 1/4.
        places = np.concatenate([(np.arange(len(part)) + 0.5) / max(1, len(part)) for part in parts])
        order = np.argsort(places, kind="stable")
        if not self._turns:
            order = self._generator(_Purpose.BATCHES, epoch.number, len(parts)).permutation(len(every))
        return [every[i] for i in order]

    def table(self, epoch: Epoch) -> list[TaskShare]:
        """Tell what each task gets of an epoch, for printing."""
        draws = (self._members * self._draws(epoch.shares)[:, None]).sum(axis=0)
        return [
            TaskShare(name, int(rows), float(drawn / draws.sum()), float(drawn / max(1, rows)))
            for name, rows, drawn in zip(self.task_names, self._task_rows, draws, strict=True)
        ]

    def task_rows(self) -> dict[str, int]:
        """Count the rows labelled for each task."""
        return dict(zip(self.task_names, map(int, self._task_rows), strict=True))

    def _draws(self, shares: Mapping[str, float]) -> Integers:
        """Count the draws from each group in an epoch."""
        ratio = np.array([shares[name] for name in self.task_names]) / np.maximum(1, self._task_rows)
        rates = (self._members * ratio).sum(axis=1) / self._members.sum(axis=1)
        return _whole(rates, np.array([len(rows) for rows in self._groups]))

    def _drawn(self, epoch: Epoch) -> list[Integers]:
        counts = self._draws(epoch.shares).tolist()
        return [self._stream(group, *of) for group, of in enumerate(zip(epoch.drawn, counts, strict=True))]

    def _stream(self, group: int, begin: int, draws: int) -> Integers:
        rows = self._groups[group]
        first, last = begin // len(rows), (begin + draws - 1) // len(rows)
        permutations = [
            self._generator(_Purpose.GROUP, cycle, group).permutation(rows) for cycle in range(first, last + 1)
        ]
        offset = begin - first * len(rows)
        return np.concatenate([*permutations, rows[:0]])[offset : offset + draws]

    def _generator(self, purpose: _Purpose, number: int, group: int = 0) -> np.random.Generator:
        # Always four words: numpy takes [1, 2] and [1, 2, 0] for the same seed.
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, purpose, number, group])))


def _cut(rows: Integers, lengths: Integers, budget: int) -> list[Integers]:
    """Cut rows in random order into batches of similar length."""
    # Sorting within windows only keeps batches random; rows of equal length stay in the epoch's random order.
    window = np.cumsum(lengths[rows], dtype=np.int64) // (WINDOW_BATCHES * budget)
    parts = np.split(rows, np.flatnonzero(np.diff(window)) + 1)
    return [part[chosen] for part in parts for chosen in plan_batches(lengths[part], budget=budget)]


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
