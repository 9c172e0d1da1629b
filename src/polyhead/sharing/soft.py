"""An encoder for each task, tied to the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from polyhead.sharing.base import Sharing

if TYPE_CHECKING:
    from torch import nn

    from polyhead.sharing._branches import Branches


@dataclass(frozen=True, kw_only=True)
class Soft(Sharing):
    """Give each task an encoder of its own, all starting alike, and tie them.

    `l2` adds `strength` times the squared distance of the weights of every two encoders to the loss. `cross_stitch`
    runs the encoders side by side and mixes their states after each layer by learned numbers; what stands outside of
    the layers, such as the token embeddings, is common there. An input costs a pass a task either way: with `l2` for
    the tasks that are asked, with `cross_stitch` for all of them. The sentence embedding is that of the first task's
    encoder alone.

    Args:
        tie: how the encoders are tied.
        strength: how strongly `l2` pulls.
        own: what a task keeps of its own state in a `cross_stitch` unit at the start; the others share the rest.

    Reference:
        l2: Duong et al. 2015, https://doi.org/10.3115/v1/P15-2139;
        cross_stitch: Misra et al. 2016, equation 1, https://arxiv.org/abs/1604.03539
    """

    kind: ClassVar[str] = "soft"
    tie: Literal["l2", "cross_stitch"] = "l2"
    strength: Annotated[float, Ge(0)] = 0.001
    own: Annotated[float, Gt(0), Le(1)] = 0.9

    def groups(self, tasks: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        return tuple((task,) for task in tasks)

    def joined_at(self, tasks: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002  however many there are
        # Encoders that are only tied by a penalty have nothing that two losses go through.
        return ("parameters",) if self.tie == "cross_stitch" else ()

    def attach(self, encoder: "nn.Module", levels: Mapping[str, str], *, width: int) -> "Branches":  # noqa: ARG002
        from polyhead.sharing import _soft  # noqa: PLC0415  recipes load without torch

        if self.tie == "l2":
            return _soft.TiedEncoders(encoder, tuple(levels), strength=self.strength)
        return _soft.StitchedEncoders(encoder, tuple(levels), own=self.own)
