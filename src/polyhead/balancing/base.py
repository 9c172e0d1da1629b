"""What every kind of balancing answers: one loss from the losses of all tasks."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from polyhead.registry import STRICT

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Balancing(ABC):
    """A rule that joins the losses of the tasks into the one that is minimised."""

    kind: ClassVar[str]
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @abstractmethod
    def weigh(self, losses: Mapping[str, "Tensor"], weights: Mapping[str, float]) -> "Tensor":
        """Join the losses of a batch.

        Args:
            losses: the mean loss of each task over its observed labels, scalars; zero where a batch has no label.
            weights: the `weight` of each task in the recipe, one above 0 at least; a task of weight 0 is not trained.

        Returns:
            A scalar to differentiate.
        """
