"""What every kind of sampling answers: how often each task is drawn."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from polyhead.registry import STRICT


@dataclass(frozen=True, kw_only=True)
class Sampling(ABC):
    """A rule that turns the sizes of the tasks into their shares of an epoch."""

    kind: ClassVar[str]
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @abstractmethod
    def shares(self, rows: Mapping[str, int]) -> dict[str, float]:
        """Divide the draws of an epoch among the tasks.

        Args:
            rows: how many training rows are labelled for each task; at least one for some task.

        Returns:
            The share of each task, in the order of `rows`; they sum to 1, and a task without rows gets 0.
        """
