"""Attention that each task has for itself, over the states that all share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from polyhead.errors import UsageError
from polyhead.sharing._branches import Batch, Branches, Encode

if TYPE_CHECKING:
    from polyhead.model.packed.states import TokenStates


class AttentionBranches(Branches):
    """Reads the shared states once for each task.

    Args:
        levels: of each task, `text` or `words`.
        width: of the states.
        heads: attention heads.
        dropout: of the attention weights.
    """

    one_pass = True

    def __init__(self, levels: Mapping[str, str], *, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            message = f"`sharing.heads` must divide the width of the encoder, {width}. Found {heads}."
            raise UsageError(message)
        self.readers = nn.ModuleDict(
            {_name(task): Reader(level, width=width, heads=heads, dropout=dropout) for task, level in levels.items()}
        )

    def states(
        self, encoder: nn.Module, batch: Batch, tasks: Sequence[str], *, encode: Encode
    ) -> "dict[str, TokenStates]":
        return dict.fromkeys(tasks, encode(encoder, batch))

    def read(self, task: str, states: Tensor, mask: Tensor) -> Tensor | None:
        return self.reader(task)(states, mask)

    def reader(self, task: str) -> "Reader":
        """Return the attention of a task."""
        return cast("Reader", self.readers[_name(task)])


class Reader(nn.Module):
    """A task's own attention: one learned query for a text, self-attention with a residual for words.

    Args:
        level: `text` or `words`.
        width: of the states.
        heads: attention heads.
        dropout: of the attention weights.
    """

    def __init__(self, level: str, *, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 1, width) * width**-0.5) if level == "text" else None
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Read states of shape `(batch, tokens, width)`: `(batch, width)` for a text, the same shape for words."""
        asked = states if self.query is None else self.query.expand(states.shape[0], 1, -1)
        found, _ = self.attention(asked, states, states, key_padding_mask=~mask, need_weights=False)
        return self.norm(states + found) if self.query is None else self.norm(found).squeeze(1)


def _name(task: str) -> str:
    # torch keeps names such as `type` and `keys` to itself.
    return f"task_{task}"
