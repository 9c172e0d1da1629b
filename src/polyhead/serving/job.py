"""One request's texts on their way through the batcher."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from polyhead.answers import Answer
from polyhead.runtime.predictor import Predictor
from polyhead.serving.refusals import RefusedError
from polyhead.spans import Floats
from polyhead.text.tokenized import Passage, TokenizedText

Form = Callable[[Answer, Floats], Any]
"""Turns a text's answer and its sentence embedding into what the route sends; called on a worker's thread."""


def characters_of(text: str | Passage) -> int:
    """Count the characters that are read, those of a second text too."""
    return len(text) if isinstance(text, str) else len(text.text) + len(text.pair or "")


def longest_side(text: str | Passage) -> int:
    """Count the characters of a text, or of the longer one of two."""
    return len(text) if isinstance(text, str) else max(len(text.text), len(text.pair or ""))


@dataclass(slots=True, eq=False)
class Job:
    """Texts that one request asks about; it is done when every text has its result, or at the first failure.

    Args:
        predictor: the model that answers.
        texts: what to answer.
        tasks: which heads to compute.
        form: turns each answer into a result.
        deliver: is told, on a worker's thread, when the job is done.
        results: one a text, in the order of the texts.
        failure: why there are none.
        seconds: the time that each stage took: `tokenize`, `queue`, `run`, `decode`.
        begun: whether a text of it was in a pass.
        done: whether nobody waits for it any more.
    """

    predictor: Predictor
    texts: Sequence[str | Passage]
    tasks: tuple[str, ...]
    form: Form
    deliver: Callable[["Job"], None]
    came: float = field(default_factory=perf_counter)
    tokenized: list[TokenizedText] = field(default_factory=list[TokenizedText])
    results: list[Any] = field(default_factory=list[Any])
    failure: RefusedError | None = None
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    missing: int = 0
    begun: bool = False
    done: bool = False

    def __post_init__(self) -> None:
        self.missing = len(self.texts)
        self.results = [None] * len(self.texts)

    @property
    def tokens(self) -> int:
        """Count the tokens of all texts, special ones included."""
        return sum(map(len, self.tokenized))

    def spend(self, stage: str, seconds: float) -> None:
        """Add to the time of a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
