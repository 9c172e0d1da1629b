"""Answers for texts, whatever engine runs the encoder."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np

from polyhead.answers import Answer, TaskAnswer
from polyhead.errors import UsageError, did_you_mean
from polyhead.spans import Floats, Integers
from polyhead.tasks.base import Task
from polyhead.text.planner import plan_batches
from polyhead.text.tokens import TextTokenizer, TokenBatch, TokenizedText

WINDOW_TEXTS = 2048
"""Texts that are sorted by length together; also what a stream holds in memory at once."""

BUDGET = 1024
"""Padded tokens of a batch. Small batches keep a processor's activations in its cache."""


@dataclass(frozen=True, slots=True)
class EngineOutputs:
    """What an engine computes for a batch.

    Args:
        logits: by task, shape `(batch, outputs)` for texts or `(batch, tokens, outputs)` for words.
        embedding: shape `(batch, width)`.
    """

    logits: Mapping[str, Floats]
    embedding: Floats


@dataclass(frozen=True, slots=True)
class EncoderPass:
    """What one pass of the encoder found about texts that came together.

    Args:
        tokenized: the texts.
        batch: the same texts side by side, as the engine read them.
        outputs: what the engine computed.
    """

    tokenized: tuple[TokenizedText, ...]
    batch: TokenBatch
    outputs: EngineOutputs


class Engine(Protocol):
    """Runs the encoder once over a batch, and the heads that are asked for."""

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        """Compute the logits of the named tasks, and the embedding, in one pass."""
        ...


class Predictor:
    """Answers every task about any number of texts, one encoder pass a text.

    Args:
        tasks: the tasks that the model was trained for.
        tokenizer: the encoder's tokenizer.
        engine: what computes logits.
        budget: padded tokens of a batch.
    """

    def __init__(
        self, *, tasks: Mapping[str, Task], tokenizer: TextTokenizer, engine: Engine, budget: int = BUDGET
    ) -> None:
        self.tasks = dict(tasks)
        self._tokenizer = tokenizer
        self._engine = engine
        self._budget = budget

    def predict(self, texts: Sequence[str], tasks: Sequence[str] | None = None) -> list[Answer]:
        """Answer the tasks about each text, in the order of the texts.

        Args:
            texts: any Unicode texts, empty ones too.
            tasks: names of the tasks to answer; all when absent. Heads that are not asked are not computed.

        Raises:
            UsageError: a text is no string, or a task is unknown.
        """
        return list(self.stream(_checked_list(texts), tasks))

    def stream(self, texts: Iterable[str], tasks: Sequence[str] | None = None) -> Iterator[Answer]:
        """Answer like `predict` for texts without end, holding a few thousand of them at a time."""
        names = self._checked(tasks)
        for window in _windows(texts):
            yield from self._answer(window, names)

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return the sentence embeddings, float32, shape `(texts, width)`."""
        rows: list[Floats] = []
        for window in _windows(_checked_list(texts)):
            found: list[Floats] = [np.empty(0)] * len(window)
            for indices, _, outputs in self._run(window, ()):
                for index, vector in zip(indices, outputs.embedding, strict=True):
                    found[index] = vector
            rows += found
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, 0), dtype=np.float32)

    def tokenize(self, texts: Sequence[str], tasks: Sequence[str]) -> list[TokenizedText]:
        """Turn texts into what `run` takes, for the tasks that will be asked about them."""
        return self._tokenizer.tokenize(texts, words=any(self.tasks[name].level == "words" for name in tasks))

    def run(self, tokenized: Sequence[TokenizedText], tasks: Sequence[str]) -> EncoderPass:
        """Run the encoder once over texts of different callers, with every head that one of them asks for."""
        batch = self._tokenizer.batch(tokenized)
        return EncoderPass(tuple(tokenized), batch, self._engine.run(batch, tasks))

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
            logits = found.outputs.logits[name][rows]
            if self.tasks[name].level == "words":
                logits = logits[:, : part.ids.shape[1]]
            for row, answer in zip(rows, self.tasks[name].decode(logits, part), strict=True):
                given[row][name] = answer
        truncated = found.batch.truncated.tolist()
        return [
            Answer(text, cut, {name: answers[name] for name in names})
            for text, cut, answers, names in zip(found.batch.texts, truncated, given, asked, strict=True)
        ]

    def _answer(self, texts: Sequence[str], names: Sequence[str]) -> list[Answer]:
        answers: list[Answer | None] = [None] * len(texts)
        for indices, batch, outputs in self._run(texts, names):
            decoded = [self.tasks[name].decode(outputs.logits[name], batch) for name in names]
            for row, index in enumerate(indices):
                given: dict[str, TaskAnswer] = {name: of[row] for name, of in zip(names, decoded, strict=True)}
                answers[index] = Answer(batch.texts[row], bool(batch.truncated[row]), given)
        return [answer for answer in answers if answer is not None]

    def _run(self, texts: Sequence[str], names: Sequence[str]) -> Iterator[tuple[list[int], TokenBatch, EngineOutputs]]:
        words = any(self.tasks[name].level == "words" for name in names)
        tokenized = self._tokenizer.tokenize(texts, words=words)
        lengths: Integers = np.array([len(item) for item in tokenized])
        for indices in plan_batches(lengths, budget=self._budget):
            batch = self._tokenizer.batch([tokenized[index] for index in indices])
            yield indices.tolist(), batch, self._engine.run(batch, names)

    def _checked(self, tasks: Sequence[str] | None) -> tuple[str, ...]:
        if tasks is None:
            return tuple(self.tasks)
        for name in tasks:
            if name not in self.tasks:
                known = ", ".join(map(repr, self.tasks))
                message = (
                    f"`tasks` must name tasks of the model: {known}. Found {name!r}{did_you_mean(name, self.tasks)}."
                )
                raise UsageError(message)
        return tuple(dict.fromkeys(tasks))


def _checked_list(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str):
        message = "`texts` must be a list of strings. Found one string; put it in a list."
        raise UsageError(message)
    return texts


def _windows(texts: Iterable[str]) -> Iterator[list[str]]:
    source = iter(texts)
    seen = 0
    while window := list(islice(source, WINDOW_TEXTS)):
        for index, text in enumerate(window):
            # Callers without type checkers pass None and numbers, which come from files.
            if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                message = f"`texts[{seen + index}]` must be a string. Found {text!r}."
                raise UsageError(message)
        seen += len(window)
        yield window
