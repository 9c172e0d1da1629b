"""The live side of sharing: from an encoder to the token states that each task reads."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import Tensor, nn

if TYPE_CHECKING:
    from polyhead.model.packed.states import TokenStates

Batch = Mapping[str, Tensor]
Encode: TypeAlias = "Callable[[Any, Batch], TokenStates]"
"""Runs an encoder once over a batch, without padding where it can."""

TURN = RLock()
"""Held while an encoder is other than it stands; threads that answer at once wait for each other."""


class Branches(nn.Module, ABC):
    """What a way of sharing adds to the encoder. The encoder is no part of it, so that it stays a plain one."""

    one_pass: bool = False
    """Whether all tasks read the same states, which the embedding is pooled from too."""

    @abstractmethod
    def states(
        self, encoder: nn.Module, batch: Batch, tasks: Sequence[str], *, encode: Encode
    ) -> "dict[str, TokenStates]":
        """Compute the token states that each task reads.

        Args:
            encoder: the shared encoder.
            batch: `input_ids` and `attention_mask`, shape `(batch, tokens)`.
            tasks: the tasks that are asked; one at least.
            encode: runs an encoder.
        """

    def plain(self, encoder: nn.Module, batch: Batch, *, encode: Encode) -> "TokenStates":
        """Compute the states of the encoder alone, as any library that opens its folder does."""
        return encode(encoder, batch)

    def read(self, task: str, states: Tensor, mask: Tensor) -> Tensor | None:  # noqa: ARG002
        """Read states in a task's own way, for its head; nothing where the shared pooling is to do it.

        Args:
            task: which.
            states: of the tokens, shape `(batch, tokens, width)`.
            mask: true at tokens, shape `(batch, tokens)`.
        """
        return None

    def penalty(self, encoder: nn.Module) -> Tensor | None:  # noqa: ARG002
        """Compute what is added to the loss of a step, if anything is."""
        return None

    def private_parameters(self, encoder: nn.Module) -> Iterable[nn.Parameter]:  # noqa: ARG002
        """List the weights, in the encoder or beside it, that belong to a part of the tasks only."""
        return self.parameters()

    def encoders_at(self) -> dict[str, Any]:
        """Return the whole encoders that are added, by their place among the parts."""
        return {}

    def passes(self, tasks: Sequence[str]) -> int:  # noqa: ARG002
        """Count the encoder passes that an input costs when these tasks are asked."""
        return 1


class OnePass(Branches):
    """All tasks read the states of one pass."""

    one_pass = True

    def states(
        self, encoder: nn.Module, batch: Batch, tasks: Sequence[str], *, encode: Encode
    ) -> "dict[str, TokenStates]":
        return dict.fromkeys(tasks, encode(encoder, batch))
