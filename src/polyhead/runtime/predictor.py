"""Answers for texts, whatever engine runs the encoder."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from polyhead.answers import Answer, TaskAnswer
from polyhead.errors import UsageError, did_you_mean
from polyhead.runtime.engine import Engine, EngineOutputs
from polyhead.runtime.windows import read
from polyhead.runtime.workers import Workers
from polyhead.spans import Floats, Integers
from polyhead.tasks.base import Task
from polyhead.text.planner import plan_batches
from polyhead.text.tokens import Passage, TextTokenizer, TokenBatch, TokenizedText

Result = TypeVar("Result")

WINDOW_TEXTS = 2048
"""Texts that are sorted by length together; also what a stream holds in memory at once."""

WINDOW_CHARACTERS = 4_000_000
"""Characters after which a window ends, so that long texts are held in smaller numbers."""

FEW_TEXTS = 4
"""Texts for which threads are not worth starting."""

BUDGET = 512
"""Padded tokens of a batch. Small batches keep a processor's activations in its cache."""


@dataclass(frozen=True, slots=True)
class EncoderPass:
    """What one pass of the encoder found about texts that came together.

    Args:
        tokenized: the texts.
        batch: the same texts side by side, long ones in their whole length.
        outputs: what the engine computed, joined to whole texts.
    """

    tokenized: tuple[TokenizedText, ...]
    batch: TokenBatch
    outputs: EngineOutputs


class Predictor:
    """Answers every task about any number of texts, one encoder pass a text, or one a window of long texts.

    A text may be a string or a `Passage`, which holds a second text or the tokens that came with it.

    Args:
        tasks: the tasks that the model was trained for.
        tokenizer: the encoder's tokenizer.
        engine: what computes logits.
        budget: padded tokens of a batch.
        threads: batches that are worked on at the same time; more than one needs an engine that many may call.
    """

    def __init__(
        self,
        *,
        tasks: Mapping[str, Task],
        tokenizer: TextTokenizer,
        engine: Engine,
        budget: int = BUDGET,
        threads: int = 1,
    ) -> None:
        self.tasks = dict(tasks)
        self._tokenizer = tokenizer
        self._engine = engine
        self._budget = budget
        self._threads = threads

    def predict(self, texts: Sequence[str | Passage], tasks: Sequence[str] | None = None) -> list[Answer]:
        """Answer the tasks about each text, in the order of the texts.

        Args:
            texts: any Unicode texts, empty and long ones too, or passages.
            tasks: names of the tasks to answer; all when absent. Heads that are not asked are not computed.

        Raises:
            UsageError: a text is no string, or a task is unknown.
        """
        return list(self.stream(_checked_list(texts), tasks))

    def stream(self, texts: Iterable[str | Passage], tasks: Sequence[str] | None = None) -> Iterator[Answer]:
        """Answer like `predict` for texts without end, holding a few thousand of them at a time."""
        names = self._checked(tasks)

        def answered(tokenized: Sequence[TokenizedText]) -> Sequence[Answer]:
            return self.answers(self.run(tokenized, names), [names] * len(tokenized))

        yield from self._each_text(texts, names, answered)

    def embed(self, texts: Sequence[str | Passage]) -> Floats:
        """Return the sentence embeddings, float32, shape `(texts, width)`."""

        def embedded(tokenized: Sequence[TokenizedText]) -> Sequence[Floats]:
            return list(self.run(tokenized, ()).outputs.embedding)

        rows = list(self._each_text(_checked_list(texts), (), embedded))
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), dtype=np.float32)

    def tokenize(self, texts: Sequence[str | Passage], tasks: Sequence[str]) -> list[TokenizedText]:
        """Turn texts into what `run` takes, for the tasks that will be asked about them."""
        return self._tokenizer.tokenize(texts, words=any(self.tasks[name].level == "words" for name in tasks))

    def run(self, tokenized: Sequence[TokenizedText], tasks: Sequence[str]) -> EncoderPass:
        """Run the encoder once over texts of different callers, with every head that one of them asks for."""
        asked = {name: self.tasks[name] for name in tasks}
        batch, outputs = read(self._engine, self._tokenizer, tokenized, tasks=asked, budget=self._budget)
        return EncoderPass(tuple(tokenized), batch, outputs)

    def answers(self, found: EncoderPass, asked: Sequence[Sequence[str]]) -> list[Answer]:
        """Decode a pass: each text gets the answers of its own tasks.

        Args:
            found: what `run` returned.
            asked: the tasks of each text, all among those that `run` was given.
        """
        given: list[dict[str, TaskAnswer]] = [{} for _ in asked]
        for name in dict.fromkeys(name for names in asked for name in names):
            rows = [row for row, names in enumerate(asked) if name in names]
            # Texts that were not asked about words may lack their borders, so they may not stand beside the others.
            apart = len(rows) < len(asked)
            part = self._tokenizer.batch([found.tokenized[row] for row in rows]) if apart else found.batch
            logits = found.outputs.of(name)[rows] if apart else found.outputs.of(name)
            if self.tasks[name].level == "words":
                logits = logits[:, : part.ids.shape[1]]
            for row, answer in zip(rows, self.tasks[name].decode(logits, part), strict=True):
                given[row][name] = answer
        return [
            Answer(text.text, text.truncated, {name: answers[name] for name in names}, text.passes)
            for text, answers, names in zip(found.tokenized, given, asked, strict=True)
        ]

    def _each_text(
        self,
        texts: Iterable[str | Passage],
        names: Sequence[str],
        work: Callable[[Sequence[TokenizedText]], Sequence[Result]],
    ) -> Iterator[Result]:
        """Give the texts to the workers in batches, and yield what comes of each text in the order of the texts."""

        def tokenized(window: Sequence[str | Passage]) -> _Window[Result]:
            return _Window(self.tokenize(window, names), budget=self._budget)

        def worked(job: tuple[_Window[Result], Integers]) -> tuple[_Window[Result], Integers, Sequence[Result]]:
            window, indices = job
            return window, indices, work([window.tokenized[index] for index in indices])

        with Workers(self._threads if not _are_few(texts) else 1) as workers:
            # One window is tokenized while the one before is answered.
            windows = workers.each(tokenized, _windows(texts), ahead=1)
            jobs = ((window, indices) for window in windows for indices in window.batches)
            for window, indices, results in workers.each(worked, jobs):
                if window.is_complete_with(indices, results):
                    yield from window.results()

    def _checked(self, tasks: Sequence[str] | None) -> tuple[str, ...]:
        if tasks is None:
            return tuple(self.tasks)
        if isinstance(tasks, str):
            message = f"`tasks` must be a list of names. Found {tasks!r}; put it in a list."
            raise UsageError(message)
        for name in tasks:
            if name not in self.tasks:
                known = ", ".join(map(repr, self.tasks))
                found = f"Found {name!r}{did_you_mean(str(name), self.tasks)}"
                message = f"`tasks` must name tasks of the model: {known}. {found}"
                raise UsageError(message)
        return tuple(dict.fromkeys(tasks))


class _Window(Generic[Result]):
    """Texts that are sorted by length together, and what has come of them."""

    def __init__(self, tokenized: Sequence[TokenizedText], *, budget: int) -> None:
        self.tokenized = tokenized
        self.batches = plan_batches([len(text) for text in tokenized], budget=budget)
        self._found: dict[int, Result] = {}

    def is_complete_with(self, indices: Integers, results: Sequence[Result]) -> bool:
        """Take in the results of a batch, and tell whether those of all batches are there."""
        self._found.update(zip(indices.tolist(), results, strict=True))
        return len(self._found) == len(self.tokenized)

    def results(self) -> Iterator[Result]:
        """Yield the results in the order of the texts."""
        for index in range(len(self.tokenized)):
            yield self._found[index]


def _are_few(texts: Iterable[str | Passage]) -> bool:
    return isinstance(texts, Sized) and len(texts) <= FEW_TEXTS


def _checked_list(texts: Sequence[str | Passage]) -> Sequence[str | Passage]:
    if isinstance(texts, str):
        message = "`texts` must be a list of strings. Found one string; put it in a list."
        raise UsageError(message)
    # Callers without type checkers pass None where they have no texts.
    if not isinstance(texts, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        message = f"`texts` must be a list of strings. Found {texts!r}."
        raise UsageError(message)
    return texts


def _windows(texts: Iterable[str | Passage]) -> Iterator[list[str | Passage]]:
    window: list[str | Passage] = []
    characters = 0
    for index, text in enumerate(texts):
        # Callers without type checkers pass None and numbers, which come from files.
        if not isinstance(text, str | Passage):  # pyright: ignore[reportUnnecessaryIsInstance]
            message = f"`texts[{index}]` must be a string. Found {text!r}."
            raise UsageError(message)
        window.append(text)
        characters += len(text if isinstance(text, str) else text.text)
        if len(window) == WINDOW_TEXTS or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window
