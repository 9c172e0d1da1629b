"""Find texts that occur more than once: in two splits, or with different labels."""

from collections.abc import Iterator, Mapping

import numpy as np

from polyhead.data.rows import Rows
from polyhead.errors import Fault
from polyhead.spans import Integers

SHOWN_TEXTS = 100
ONE_SPLIT = "a text should be in one split only."
ONE_LABELLING = "equal texts should have equal labels."

Place = tuple[str, int]
"""A split and a row of it."""


def repeated_texts(splits: Mapping[str, Rows]) -> Iterator[Fault]:
    """Go through the texts that occur more than once, in memory of a few bytes a row.

    Yields:
        A fault for each text that two splits share, and for each that is labelled in two ways; after so many of one
        sort, one that counts the rest.
    """
    found: dict[str, int] = {}
    for places in _groups(splits):
        for sort, fault in _faults_of(splits, places):
            found[sort] = found.get(sort, 0) + 1
            if found[sort] <= SHOWN_TEXTS:
                yield fault
    for sort, count in found.items():
        if count > SHOWN_TEXTS:
            yield Fault("data", f"{sort} Found {count - SHOWN_TEXTS:,} more texts.")


def _groups(splits: Mapping[str, Rows]) -> Iterator[list[Place]]:
    """Group the rows whose texts are equal; only groups of two rows and more, in the order of the first of each."""
    names = list(splits)
    hashes = np.concatenate([_hashes(rows) for rows in splits.values()])
    begins = np.cumsum([0, *(len(rows) for rows in splits.values())])
    order = np.argsort(hashes, kind="stable")
    edges = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order][:1], append=~hashes[order][-1:]))
    repeated = np.flatnonzero(np.diff(edges) > 1)
    runs = [order[edges[number] : edges[number + 1]] for number in repeated.tolist()]
    for run in sorted(runs, key=lambda members: int(members[0])):
        numbers = np.searchsorted(begins, run, side="right") - 1
        places = [(names[number], int(row - begins[number])) for number, row in zip(numbers, run, strict=True)]
        yield from _truly_equal(splits, places)


def _hashes(rows: Rows) -> Integers:
    hashes = np.empty(len(rows), dtype=np.int64)
    for batch in rows.iterate():
        hashes[batch.start : batch.stop] = [hash(text) for text in rows.texts(batch)]
    return hashes


def _truly_equal(splits: Mapping[str, Rows], places: list[Place]) -> list[list[Place]]:
    """Part rows of equal hashes by their texts, which may differ all the same."""
    by_text: dict[str, list[Place]] = {}
    for split, row in places:
        by_text.setdefault(splits[split].texts([row])[0], []).append((split, row))
    return [group for group in by_text.values() if len(group) > 1]


def _faults_of(splits: Mapping[str, Rows], places: list[Place]) -> Iterator[tuple[str, Fault]]:
    first: dict[str, int] = {}
    for split, row in places:
        first.setdefault(split, row)
    (home, origin), *others = first.items()
    for split, row in others:
        rule = f"{ONE_SPLIT} Found it in {home} too ({splits[home].place(origin)})."
        advice = "Remove one of the two: a score over texts that were trained on says too much."
        yield ONE_SPLIT, Fault(splits[split].place(row), rule, advice)
    for task in splits[home].tasks:
        (earlier, other), *differing = _differently_labelled(splits, places, task) or [(home, origin)]
        for split, row in differing:
            rule = f"{task}: {ONE_LABELLING} Found another value at {splits[earlier].place(other)}."
            yield ONE_LABELLING, Fault(splits[split].place(row), rule, "Correct one of the two.")


def _differently_labelled(splits: Mapping[str, Rows], places: list[Place], task: str) -> list[Place]:
    """Return the first row of each value that the task has among rows of one text."""
    seen: list[tuple[object, Place]] = []
    for split, row in places:
        (value,) = splits[split].values(task, [row])
        if value is not None and all(value != other for other, _ in seen):
            seen.append((value, (split, row)))
    return [place for _, place in seen]
