"""What every kind of sharing answers: how the tasks share one encoder."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from polyhead.registry import STRICT


@dataclass(frozen=True, kw_only=True)
class Sharing(ABC):
    """A way for tasks to share the encoder, with what it costs."""

    kind: ClassVar[str]
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @abstractmethod
    def passes(self, tasks: int) -> int:
        """Count the encoder passes that one input costs when this many tasks are asked."""
