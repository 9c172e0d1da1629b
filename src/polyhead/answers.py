"""What a prediction looks like: one shape for every text, whatever was asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class TaskAnswer(ABC):
    """The answer of one task about one text; each kind of task has its own record."""

    kind: ClassVar[str]

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain Python values, `kind` first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that was asked about one text.

    Args:
        text: the text as it was given.
        truncated: whether a part of the text was too long for the encoder and was not read.
        tasks: the answer of each task that was asked, by the task's name.
        windows: how many stretches of the text the encoder read; more than one for long texts.
    """

    text: str
    truncated: bool
    tasks: Mapping[str, TaskAnswer]
    windows: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", MappingProxyType(dict(self.tasks)))

    # Each kind answers with a record of its own, so what `answer["topic"]` offers is known to the caller only.
    def __getitem__(self, task: str) -> Any:  # noqa: ANN401
        return self.tasks[task]

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain Python values, ready for `json.dumps`."""
        tasks = {name: answer.to_json() for name, answer in self.tasks.items()}
        return {"text": self.text, "truncated": self.truncated, "windows": self.windows, "tasks": tasks}
