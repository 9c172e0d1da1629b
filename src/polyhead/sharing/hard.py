"""One encoder for all tasks: a single pass answers everything."""

from dataclasses import dataclass
from typing import ClassVar

from polyhead.sharing.base import Sharing


@dataclass(frozen=True, kw_only=True)
class Hard(Sharing):
    """Share every layer of the encoder; only the heads are private.

    Reference:
        Caruana 1997, https://doi.org/10.1023/A:1007379606734
    """

    kind: ClassVar[str] = "hard"

    def passes(self, tasks: int) -> int:  # noqa: ARG002  that is the point of it
        return 1
