"""Swap the entities of training rows for others of their label, so that a small model cannot learn names by heart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import numpy as np

from polyhead.data.alignment import words_of
from polyhead.data.made_up import NameMaker
from polyhead.data.rows import Rows
from polyhead.spans import Span
from polyhead.tasks.entities import Entities

PURPOSE = int.from_bytes(b"swap")
"""Keeps these draws apart from all others of the same seed."""
MADE_UP = 0.3
"""Share of the new names that are made up letter by letter; the rest are put together from words."""

NAMES_KEPT = 50_000
"""Different names of a label that are drawn from; the first ones read."""

Label = tuple[str, str]
"""A task and one of its labels: two tasks may mean different things by the same word."""


class EntitySwapper:
    """Draws, for each entity of a row, whether another name of its label takes its place, and which.

    Most of the new names are put together from words of other entities of the label, some are made up in their
    likeness; whole names of others taught a small model less, since it went on learning them by heart. Rows whose
    tasks label spans that overlap without being equal stay as they are, and so do rows with tags of given tokens.

    Args:
        rows: the training rows, whose entities are the names to draw from.
        probability: how likely each entity is swapped.
        seed: with epoch and row, it decides everything that is drawn.
    """

    def __init__(self, rows: Rows, *, probability: float, seed: int) -> None:
        self._tasks = [name for name, task in rows.tasks.items() if isinstance(task, Entities)]
        self._bound = [n for n, task in rows.tasks.items() if task.level == "words" and n not in self._tasks]
        self._probability = probability
        self._seed = seed
        self._names = _names_of(rows, self._tasks)
        self._words = {label: [word for name in names for word in name.split()] for label, names in self._names.items()}
        self._makers = {label: NameMaker(names) for label, names in self._names.items()}

    def swap(self, text: str, values: Mapping[str, Any], *, epoch: int, row: int) -> tuple[str, dict[str, Any]]:
        """Return a row with some of its entities swapped.

        Args:
            text: the text of the row.
            values: the value of each task that the row is labelled for.
            epoch: the pass over the data.
            row: the number of the row.

        Returns:
            The new text, and the same values with the spans moved to where they now are.
        """
        regions = self._regions(values)
        if not regions or any(values.get(name) is not None for name in self._bound):
            return text, dict(values)
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, PURPOSE, epoch, row])))
        drawn = [rng.random() < self._probability for _ in regions]
        if not any(drawn):
            return text, dict(values)
        names = [
            self._other_name(label, text[start:end], rng) if swapped else text[start:end]
            for ((start, end), label), swapped in zip(regions.items(), drawn, strict=True)
        ]
        new_text, places = _replaced(text, list(regions), names)
        # A name of another script may grow onto the word beside it, which its label would then cut in two.
        if not _on_words(new_text, places):
            return text, dict(values)
        return new_text, self._moved(values, dict(zip(regions, places, strict=True)), new_text)

    def _regions(self, values: Mapping[str, Any]) -> dict[tuple[int, int], Label]:
        """Map each labelled stretch of the row, in reading order, to its label; empty when two overlap."""
        labels: dict[tuple[int, int], Label] = {}
        for name in self._tasks:
            for span in cast("Sequence[Span]", values.get(name) or ()):
                labels.setdefault((span.start, span.end), (name, span.label))
        places = sorted(labels)
        overlap = any(right[0] < left[1] for left, right in pairwise(places))
        return {} if overlap else {place: labels[place] for place in places}

    def _other_name(self, label: Label, name: str, rng: np.random.Generator) -> str:
        names = self._names.get(label)
        if names is None:
            return name
        words = self._words[label]
        mixed = " ".join(words[int(rng.integers(len(words)))] for _ in name.split())
        if rng.random() < MADE_UP or mixed == name:
            return self._makers[label].make_up(names[int(rng.integers(len(names)))], rng)
        return mixed

    def _moved(
        self, values: Mapping[str, Any], places: Mapping[tuple[int, int], tuple[int, int]], text: str
    ) -> dict[str, Any]:
        moved = dict(values)
        for name in self._tasks:
            if values.get(name) is not None:
                spans = cast("Sequence[Span]", values[name])
                moved[name] = tuple(_moved_span(span, places[span.start, span.end], text) for span in spans)
        return moved


def _names_of(rows: Rows, tasks: Sequence[str]) -> dict[Label, list[str]]:
    found: defaultdict[Label, dict[str, None]] = defaultdict(dict)
    for batch in rows.iterate():
        for task in tasks:
            for value in rows.values(task, batch):
                for span in cast("Sequence[Span]", value or ()):
                    names = found[task, span.label]
                    if len(names) < NAMES_KEPT:
                        names[span.text] = None
    return {label: list(names) for label, names in found.items()}


def _replaced(text: str, places: Sequence[tuple[int, int]], names: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Put names in the place of stretches of text; return the new text and where the names are in it."""
    parts: list[str] = []
    new_places: list[tuple[int, int]] = []
    length = done = 0
    for (start, end), name in zip(places, names, strict=True):
        parts += text[done:start], name
        length += start - done
        new_places.append((length, length + len(name)))
        length += len(name)
        done = end
    return "".join([*parts, text[done:]]), new_places


def _on_words(text: str, places: Sequence[tuple[int, int]]) -> bool:
    (words,) = words_of([text])
    starts, ends = set(words[:, 0].tolist()), set(words[:, 1].tolist())
    return all(start in starts and end in ends for start, end in places)


def _moved_span(span: Span, place: tuple[int, int], text: str) -> Span:
    start, end = place
    return replace(span, start=start, end=end, text=text[start:end])
