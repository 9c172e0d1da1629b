"""What every kind of balancing answers: how much the gradient of each task counts.

A kind weighs losses by numbers that it keeps itself, or joins gradients that it is shown. Both are told everything as
plain numbers or tensors and keep their state as plain values, so that a checkpoint holds it exactly.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from polyhead.registry import STRICT

if TYPE_CHECKING:
    from torch import Tensor

At = Literal["representation", "parameters"]


@dataclass(frozen=True, kw_only=True)
class Balancing(ABC):
    """A rule that joins the losses of the tasks into one step of the shared encoder."""

    kind: ClassVar[str]
    measures_shared: ClassVar[bool] = False
    """Whether it compares the gradients of the tasks in a layer that all of them go through."""

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @abstractmethod
    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> "LossBalancer | GradientBalancer":
        """Make what balances one run.

        Args:
            weights: the `weight` of each trained task in the recipe, all above 0.
            seed: fixes what is drawn.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What an optimiser step was about, for balancers that learn from it.

    Args:
        losses: the mean loss of each task that the step had labels for, before the step.
        norms: the norm of the gradient of each of these losses in the last shared layer, for who asks for it.
        later: the losses of the same rows after the step, for who asks for it.
    """

    losses: Mapping[str, float]
    norms: Mapping[str, float] = field(default_factory=dict[str, float])
    later: Mapping[str, float] = field(default_factory=dict[str, float])


class LossBalancer(ABC):
    """Weighs the losses of one run by numbers.

    Args:
        weights: the `weight` of each trained task in the recipe.
    """

    sees_losses: ClassVar[bool] = False
    """Whether `coefficients` needs the losses of the very step."""

    learns_from: ClassVar[frozenset[str]] = frozenset()
    """Which fields of a `Step` beside `losses` it learns from."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)

    @abstractmethod
    def coefficients(self, losses: Mapping[str, float], *, number: int) -> dict[str, float]:
        """Say how much each task's gradient counts: the slope of the joined loss along that task's loss.

        Args:
            losses: the mean loss of each task that the step has labels for; other tasks take no part.
            number: of the optimiser step, counted from 0.
        """

    def learn(self, step: Step) -> None:  # noqa: B027  most have nothing to learn
        """Learn from a step that was taken."""

    def end_epoch(self, losses: Mapping[str, float]) -> None:  # noqa: B027  most do not count epochs
        """Learn from each task's mean loss over an epoch."""

    def state(self) -> dict[str, Any]:
        """Return what has been learned, as plain values."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: B027  most have nothing to restore
        """Go back to what `state` returned."""


class GradientBalancer(ABC):
    """Joins the gradients of the tasks of one run.

    Args:
        weights: the `weight` of each trained task in the recipe; each multiplies its task's gradient beforehand.
        at: where gradients are joined: at the token states, or at the shared parameters themselves.
    """

    def __init__(self, weights: Mapping[str, float], at: At) -> None:
        self.weights = dict(weights)
        self.at: At = at

    @abstractmethod
    def weigh(self, tasks: tuple[str, ...], gramian: "Tensor") -> "Tensor | None":
        """Find how much each task's gradient counts from their inner products alone.

        Args:
            tasks: the tasks that the step has labels for.
            gramian: inner products of their gradients, shape `(tasks, tasks)`.

        Returns:
            One number a task, or nothing when the method must see the gradients themselves.
        """

    @abstractmethod
    def join(self, tasks: tuple[str, ...], gradients: "Tensor") -> "Tensor":
        """Join gradients of shape `(tasks, numbers)` to one of shape `(numbers,)`."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what has been learned, as plain values."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` returned."""
