"""One encoder for all tasks: a single pass answers everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from polyhead.sharing.base import Sharing

if TYPE_CHECKING:
    from torch import nn

    from polyhead.sharing._branches import Branches


@dataclass(frozen=True, kw_only=True)
class Hard(Sharing):
    """Share every layer of the encoder; only the heads are private.

    Reference:
        Caruana 1997, https://doi.org/10.1023/A:1007379606734
    """

    kind: ClassVar[str] = "hard"
    grows: ClassVar[bool] = True

    def groups(self, tasks: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        return (tuple(tasks),)

    def attach(self, encoder: "nn.Module", levels: Mapping[str, str], *, width: int) -> "Branches":  # noqa: ARG002
        from polyhead.sharing._branches import OnePass  # noqa: PLC0415  recipes load without torch

        return OnePass()
