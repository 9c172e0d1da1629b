"""What every kind of sharing answers: what the tasks share of the encoder, and how many passes an input costs."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from polyhead.registry import STRICT

if TYPE_CHECKING:
    from torch import nn

    from polyhead.sharing._branches import Branches


@dataclass(frozen=True, kw_only=True)
class Sharing(ABC):
    """A way for tasks to share the encoder, with what it costs."""

    kind: ClassVar[str]
    pools: ClassVar[bool] = True
    """Whether text tasks read the sentence embedding; otherwise they read the token states in their own way."""

    grows: ClassVar[bool] = False
    """Whether a trained model can take further tasks without a change to what it has."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @abstractmethod
    def groups(self, tasks: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Part the tasks into those that share a pass of the encoder, in the order of the recipe."""

    @abstractmethod
    def attach(self, encoder: "nn.Module", levels: Mapping[str, str], *, width: int) -> "Branches":
        """Make what this way adds to an encoder; it may change the encoder in place.

        Args:
            encoder: the shared encoder.
            levels: of each task with a head, `text` or `words`.
            width: of the token states.

        Raises:
            MissingExtraError: a package that it needs is not installed.
        """

    @property
    def named_tasks(self) -> Sequence[str]:
        """Name the tasks that the settings speak of; each must be one of the recipe's."""
        return ()

    def passes(self, tasks: Sequence[str]) -> int:
        """Count the encoder passes that one input costs when these tasks are asked."""
        return len(self.groups(tasks))

    def joined_at(self, tasks: Sequence[str]) -> tuple[str, ...]:
        """Name the places where gradients of these tasks can be joined: what all of them go through."""
        return ("representation", "parameters") if self.passes(tasks) <= 1 else ("parameters",)
