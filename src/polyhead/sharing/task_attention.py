"""One encoder pass; each task then reads the token states through attention of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Lt

from polyhead.sharing.base import Sharing

if TYPE_CHECKING:
    from torch import nn

    from polyhead.sharing._branches import Branches


@dataclass(frozen=True, kw_only=True)
class TaskAttention(Sharing):
    """Share the encoder; pool each text task by a learned query, and pass each word task through self-attention.

    The sentence embedding is still pooled from the shared states, but text tasks do not read it.

    Args:
        heads: attention heads; the width of the encoder must be a multiple.
        dropout: share of the attention weights that are dropped in training.

    Reference:
        Pooling by a learned query: Lee et al. 2019, section 3.2, https://arxiv.org/abs/1810.00825, without the
        residual and the feed-forward layer of that block
    """

    kind: ClassVar[str] = "task_attention"
    grows: ClassVar[bool] = True
    pools: ClassVar[bool] = False
    heads: Annotated[int, Gt(0)] = 4
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1

    def groups(self, tasks: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        return (tuple(tasks),)

    def attach(self, encoder: "nn.Module", levels: Mapping[str, str], *, width: int) -> "Branches":  # noqa: ARG002
        from polyhead.sharing._attention import AttentionBranches  # noqa: PLC0415  recipes load without torch

        return AttentionBranches(levels, width=width, heads=self.heads, dropout=self.dropout)
