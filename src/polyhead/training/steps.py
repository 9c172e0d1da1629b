"""From row numbers to what one optimiser step needs, as a pure function of seed, epoch and rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyhead.data.order import Draw
from polyhead.data.rows import Rows
from polyhead.data.swaps import EntitySwapper
from polyhead.spans import Floats, Integers
from polyhead.tasks.base import Task
from polyhead.text.tokens import TextTokenizer, TokenBatch


@dataclass(frozen=True, slots=True)
class Labelled:
    """A batch of tokens with its targets.

    Args:
        batch: the tokens.
        targets: by task, for the tasks that at least one row is labelled for.
        counts: observed labels by task.
    """

    batch: TokenBatch
    targets: Mapping[str, Integers | Floats]
    counts: Mapping[str, int]


class BatchMaker:
    """Turns row numbers into labelled batches.

    Args:
        rows: the training rows.
        tasks: the tasks that are trained.
        tokenizer: the encoder's tokenizer.
        swapper: what swaps entities for others of their label, if anything does.
    """

    def __init__(
        self, rows: Rows, tasks: Mapping[str, Task], *, tokenizer: TextTokenizer, swapper: EntitySwapper | None
    ) -> None:
        self._rows = rows
        self._tasks = {name: task for name, task in tasks.items() if task.weight > 0}
        self._tokenizer = tokenizer
        self._swapper = swapper
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
            return replace(self._make(draw.rows[:1], epoch, draw.tasks), targets={}, counts={})
        return self._make(own, epoch, draw.tasks)

    def _make(self, indices: Integers, epoch: int, tasks: Sequence[str]) -> Labelled:
        texts = self._rows.texts(indices)
        values = {name: self._rows.values(name, indices) for name in self._tasks}
        if self._swapper is not None:
            for place, row in enumerate(indices.tolist()):
                given = {name: of[place] for name, of in values.items()}
                texts[place], swapped = self._swapper.swap(texts[place], given, epoch=epoch, row=row)
                for name, of in values.items():
                    of[place] = swapped[name]
        batch = self._tokenizer.batch(self._tokenizer.tokenize(texts, words=self._words))
        targets = {name: task.targets(values[name], batch) for name, task in self._tasks.items()}
        counts = {name: task.observed(targets[name]) for name, task in self._tasks.items()}
        seen = [name for name, count in counts.items() if count and name in tasks]
        return Labelled(batch, {name: targets[name] for name in seen}, {name: counts[name] for name in seen})


def step_seed(seed: int, step: int, part: int) -> int:
    """Derive the seed of what is random inside a step (dropout), so that it needs no state of its own."""
    return int(np.random.SeedSequence([seed, step, part]).generate_state(1, np.uint64)[0] >> 1)
