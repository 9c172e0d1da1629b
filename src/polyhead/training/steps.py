"""From row numbers to what one optimiser step needs, as a pure function of seed, epoch and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polyhead.data.order import Draw
from polyhead.data.rows import Rows
from polyhead.data.swaps import EntitySwapper
from polyhead.runtime.windows import Joining, join
from polyhead.spans import Floats, Integers
from polyhead.tasks.base import Task
from polyhead.text.tokens import Passage, TextTokenizer, TokenBatch, TokenizedText

PURPOSE = int.from_bytes(b"crop")
"""Keeps these draws apart from all others of the same seed."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What one task is to learn from a batch.

    Args:
        values: the targets.
        count: how many labels are observed in them.
        begin: the first text of the batch that they are about.
        end: the text after the last one.
        tokens: the length of the longest of these texts.
    """

    values: Integers | Floats
    count: int
    begin: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A batch of tokens with its targets.

    Args:
        batch: what the encoder reads: texts, or the windows of texts.
        joining: how windows become texts, when there are windows.
        targets: by task, for the tasks that at least one row is labelled for.
    """

    batch: TokenBatch
    joining: Joining | None
    targets: Mapping[str, Targets]


class BatchMaker:
    """Turns row numbers into labelled batches.

    Args:
        rows: the training rows.
        tasks: the tasks that are trained.
        tokenizer: the encoder's tokenizer.
        swapper: what swaps entities for others of their label, if anything does.
        limit: tokens of a text that are trained on at once; of a longer one, some windows that stand together.
        seed: with epoch and row, it decides which windows.
    """

    def __init__(
        self,
        rows: Rows,
        tasks: Mapping[str, Task],
        *,
        tokenizer: TextTokenizer,
        swapper: EntitySwapper | None,
        limit: int,
        seed: int,
    ) -> None:
        self._rows = rows
        self._tasks = {name: task for name, task in tasks.items() if task.weight > 0}
        self._tokenizer = tokenizer
        self._swapper = swapper
        self._limit = limit
        self._seed = seed
        self._words = any(task.level == "words" for task in self._tasks.values())

    def make(self, draw: Draw, *, epoch: int, rank: int = 0, world: int = 1) -> Labelled:
        """Make one process's part of a batch.

        Args:
            draw: rows of the whole batch, and the tasks that learn from them.
            epoch: the epoch, for what changes rows.
            rank: number of this process.
            world: number of processes; with fewer rows than processes, some get a row without its labels.
        """
        own = draw.rows[rank::world]
        if not len(own):
            return replace(self._make(draw.rows[:1], epoch, draw.tasks), targets={})
        return self._make(own, epoch, draw.tasks)

    def _make(self, indices: Integers, epoch: int, learning: Sequence[str]) -> Labelled:
        passages = self._rows.passages(indices)
        values = {name: self._rows.values(name, indices) for name in self._tasks}
        if self._swapper is not None:
            for place, row in enumerate(indices.tolist()):
                passages[place] = self._swapped(self._swapper, passages[place], values, place=place, key=(epoch, row))
        tokenized = self._tokenizer.tokenize(passages, words=self._words)
        read = [self._within_limit(text, epoch, row) for text, row in zip(tokenized, indices.tolist(), strict=True)]
        targets: dict[str, Targets] = {}
        for name in learning:
            task = self._tasks[name]
            pairs = zip(passages, values[name], strict=True)
            sides = [() if value is None else task.sides(text.text, text.pair, value) for text, value in pairs]
            begin, own = 0, read[: len(passages)]
            if any(sides):
                begin, own = len(read), self._tokenizer.tokenize([side for of in sides for side in of], words=False)
                own = [text.kept(0, max(1, self._limit // text.read_at_once)) for text in own]
                read = [*read, *own]
            targets[name] = self._targets(task, values[name], own, begin=begin)
        joining = join(self._tokenizer, read)
        batch = self._tokenizer.window_batch(read) if joining is None else joining.batch
        return Labelled(batch, joining, {name: of for name, of in targets.items() if of.count})

    def _targets(self, task: Task, values: Sequence[Any], texts: Sequence[TokenizedText], *, begin: int) -> Targets:
        batch = self._tokenizer.batch(texts)
        targets = task.targets(values, batch)
        return Targets(targets, task.observed(targets), begin, begin + len(texts), batch.ids.shape[1])

    def _swapped(
        self,
        swapper: EntitySwapper,
        passage: Passage,
        values: Mapping[str, list[Any]],
        *,
        place: int,
        key: tuple[int, int],
    ) -> Passage:
        epoch, row = key
        given = {name: of[place] for name, of in values.items()}
        text, swapped = swapper.swap(passage.text, given, epoch=epoch, row=row)
        for name, of in values.items():
            of[place] = swapped[name]
        # Tokens that came with the text are not where they were.
        return passage if text == passage.text else Passage(text, passage.pair)

    def _within_limit(self, text: TokenizedText, epoch: int, row: int) -> TokenizedText:
        fitting = max(1, self._limit // text.read_at_once)
        if text.passes <= fitting:
            return text
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self._seed, PURPOSE, epoch, row])))
        begin = int(rng.integers(text.passes - fitting + 1))
        return text.kept(begin, begin + fitting)


def step_seed(seed: int, step: int, part: int) -> int:
    """Derive the seed of what is random inside a step (dropout), so that it needs no state of its own."""
    return int(np.random.SeedSequence([seed, step, part]).generate_state(1, np.uint64)[0] >> 1)
