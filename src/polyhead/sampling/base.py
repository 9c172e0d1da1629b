"""What every kind of sampling answers: how often each task is drawn."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from polyhead.registry import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a training has gone before an epoch; all that shares may depend on, so that resuming finds the same.

    Args:
        progress: how far it is: 0 in the first epoch, 1 in the last.
        scores: the primary dev metric of each task, of one evaluation after another.
    """

    progress: float = 0.0
    scores: Sequence[Mapping[str, float]] = field(default_factory=tuple[Mapping[str, float], ...])


@dataclass(frozen=True, kw_only=True)
class Sampling(ABC):
    """A rule that turns the sizes of the tasks into their shares of an epoch.

    Args:
        mix: whether a batch mixes the rows of all tasks, or holds rows of one task only.
    """

    kind: ClassVar[str]
    turns: ClassVar[bool] = False
    """Whether the tasks take turns, batch by batch, instead of coming in random order."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    mix: bool = True

    @abstractmethod
    def rates(self, rows: Mapping[str, int], course: Course) -> dict[str, float]:
        """Rate the tasks that have rows; their shares are in proportion to it.

        Args:
            rows: how many training rows are labelled for each task, all above 0.
            course: how the training has gone so far.
        """

    @property
    def named_tasks(self) -> Sequence[str]:
        """Name the tasks that the settings speak of; each must be one of the recipe's."""
        return ()

    def shares(self, rows: Mapping[str, int], course: Course | None = None) -> dict[str, float]:
        """Divide the draws of an epoch among the tasks.

        Args:
            rows: how many training rows are labelled for each task; at least one for some task.
            course: how the training has gone so far; its beginning when absent.

        Returns:
            The share of each task, in the order of `rows`; they sum to 1, and a task without rows gets 0.
        """
        counted = {task: count for task, count in rows.items() if count}
        if not counted:
            message = f"`rows` must count a labelled row for some task. Found {dict(rows)}."
            raise ValueError(message)
        rates = self.rates(counted, course or Course())
        total = sum(rates.values())
        return {task: rates.get(task, 0.0) / total for task in rows}
