"""Find texts that occur more than once: in two splits, within one, or with different labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from polyhead.data.forms import normal_form
from polyhead.data.rows import Rows
from polyhead.errors import Fault
from polyhead.spans import Booleans, Integers

SHOWN_TEXTS = 100
ONE_SPLIT = "a text should be in one split only."
ONCE = "a text should occur once in a split."
ONE_LABELLING = "equal texts should have equal labels."
UNLABELLED = 0


@dataclass(frozen=True, slots=True)
class Repeats:
    """The rows whose texts occur more than once; equal texts have equal normal forms.

    Args:
        splits: names and rows of the splits.
        rows: numbers of the rows over all splits, texts that are equal side by side, shape `(repeated rows,)`.
        groups: which text each of them has, counted from 0, shape `(repeated rows,)`.
    """

    splits: Mapping[str, Rows]
    rows: Integers
    groups: Integers

    @property
    def begins(self) -> Integers:
        """Return the number of the first row of each split, and the number of all rows."""
        return np.cumsum([0, *(len(rows) for rows in self.splits.values())])

    @property
    def homes(self) -> Integers:
        """Return the number of the split of each row, shape `(repeated rows,)`."""
        return np.searchsorted(self.begins, self.rows, side="right") - 1

    def place(self, entry: int) -> str:
        """Say where a row comes from."""
        home = int(self.homes[entry])
        return list(self.splits.values())[home].place(int(self.rows[entry] - self.begins[home]))


def repeats_of(splits: Mapping[str, Rows]) -> Repeats:
    """Find the rows whose texts occur more than once, in memory of a few bytes a row."""
    # Two of a million different texts share one of 2^64 hashes once in some ten million data sets.
    hashes = np.concatenate([hashes_of(rows) for rows in splits.values()])
    order = np.argsort(hashes, kind="stable")
    edges = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order][:1], append=~hashes[order][-1:]))
    sizes = np.diff(edges)
    repeated = np.repeat(sizes > 1, sizes)
    rows, groups = order[repeated], np.repeat(np.arange(len(sizes)), sizes)[repeated]
    if not len(rows):
        return Repeats(splits, rows, groups)
    # In the order of the first row of each text.
    firsts = np.flatnonzero(np.diff(groups, prepend=-1))
    rank = np.empty(len(firsts), dtype=np.int64)
    rank[np.argsort(rows[firsts], kind="stable")] = np.arange(len(firsts))
    numbers = rank[np.cumsum(np.diff(groups, prepend=-1) != 0) - 1]
    again = np.argsort(numbers, kind="stable")
    return Repeats(splits, rows[again], numbers[again])


def hashes_of(rows: Rows) -> Integers:
    """Hash the normal form of every row's text, shape `(rows,)`."""
    hashes = np.empty(len(rows), dtype=np.int64)
    for batch in rows.iterate():
        pairs = zip(rows.texts(batch), rows.pairs(batch), strict=True)
        hashes[batch.start : batch.stop] = [hash(normal_form(text, pair)) for text, pair in pairs]
    return hashes


def repeated_texts(splits: Mapping[str, Rows]) -> Iterator[Fault]:
    """Go through the texts that occur more than once.

    Yields:
        A fault for each text that two splits share, that one holds several times, or that is labelled in two ways;
        after so many of one sort, one that counts the rest.
    """
    repeats = repeats_of(splits)
    yield from _in_two_splits(repeats)
    yield from _within_splits(repeats)
    for task in next(iter(splits.values())).tasks:
        yield from _in_two_ways(repeats, task)


def _in_two_splits(repeats: Repeats) -> Iterator[Fault]:
    names, homes = list(repeats.splits), repeats.homes
    first = _firsts(repeats.groups)
    # The first row of a text in each further split.
    elsewhere = _firsts(repeats.groups * len(names) + homes) & (homes != _leading(homes, first))
    advice = "Remove one of the two: a score over texts that were trained on says too much."
    for entry, leader in _shown(elsewhere, first):
        rule = f"{ONE_SPLIT} Found it in {names[homes[leader]]} too ({repeats.place(leader)})."
        yield Fault(repeats.place(entry), rule, advice)
    yield from _rest(elsewhere, ONE_SPLIT)


def _within_splits(repeats: Repeats) -> Iterator[Fault]:
    first = _firsts(repeats.groups * len(repeats.splits) + repeats.homes)
    for entry, leader in _shown(~first, first):
        rule = f"{ONCE} Found it at {repeats.place(leader)} too."
        yield Fault(repeats.place(entry), rule, "Remove one of the two: `--fix` does where their labels are equal.")
    yield from _rest(~first, ONCE)


def _in_two_ways(repeats: Repeats, task: str) -> Iterator[Fault]:
    values = _value_hashes(repeats, task)
    kept = np.flatnonzero(values != UNLABELLED)
    groups, values = repeats.groups[kept], values[kept]
    order = np.lexsort((np.arange(len(kept)), values, groups))
    # Of each text, the first row that has a value; then those of the values that are not its.
    news = np.zeros(len(kept), dtype=bool)
    news[order[_firsts(groups[order]) | (np.diff(values[order], prepend=UNLABELLED) != 0)]] = True
    first = _firsts(groups)
    others = news & ~first & (values != _leading(values, first))
    for entry, leader in _shown(others, first):
        rule = f"{task}: {ONE_LABELLING} Found another value at {repeats.place(int(kept[leader]))}."
        yield Fault(repeats.place(int(kept[entry])), rule, "Correct one of the two.")
    yield from _rest(others, f"{task}: {ONE_LABELLING}")


def _value_hashes(repeats: Repeats, task: str) -> Integers:
    """Hash the task's value of each repeated row; `UNLABELLED` where there is none."""
    values = np.full(len(repeats.rows), UNLABELLED, dtype=np.int64)
    homes, begins = repeats.homes, repeats.begins
    for number, rows in enumerate(repeats.splits.values()):
        entries = np.flatnonzero(homes == number)
        entry_of = np.full(len(rows), -1, dtype=np.int64)
        entry_of[repeats.rows[entries] - begins[number]] = entries
        for batch in rows.iterate():
            held = entry_of[batch.start : batch.stop]
            places = np.flatnonzero(held >= 0)
            # One row alone costs as much as a run of several.
            whole = len(places) > len(batch) // 8
            cells = rows.values(task, batch if whole else places + batch.start)
            of_batch = [_value_hash(cell) for cell in cells]
            values[held[places]] = np.array(of_batch, dtype=np.int64)[places] if whole else of_batch
    return values


def _value_hash(value: object) -> int:
    if value is None:
        return UNLABELLED
    # A hash that happens to be that of nothing is moved by one.
    return hash(value if isinstance(value, str) else repr(value)) or 1


def _firsts(numbers: Integers) -> Booleans:
    """Mark the first entry of each run of equal numbers."""
    return np.diff(numbers, prepend=-1) != 0


def _leading(values: Integers, first: Booleans) -> Integers:
    """Give every entry the value of the first of its run."""
    return values[np.flatnonzero(first)[np.cumsum(first) - 1]] if len(values) else values


def _shown(wanted: Booleans, first: Booleans) -> Iterator[tuple[int, int]]:
    """Go through the wanted entries that are shown, each with the first of its run."""
    leaders = np.flatnonzero(first)[np.cumsum(first) - 1] if len(first) else first
    for entry in np.flatnonzero(wanted)[:SHOWN_TEXTS].tolist():
        yield entry, int(leaders[entry])


def _rest(wanted: Booleans, sort: str) -> Iterator[Fault]:
    hidden = int(wanted.sum()) - SHOWN_TEXTS
    if hidden > 0:
        yield Fault("data", f"{sort} Found {hidden:,} more.")
