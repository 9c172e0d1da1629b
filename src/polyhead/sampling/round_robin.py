"""The tasks take turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Predicate

from polyhead.sampling.base import Course, Sampling


def _is_false(mix: bool) -> bool:  # noqa: FBT001  called by pydantic, by place
    """Hold for false; raise a `ValueError` that says why otherwise."""
    if mix:
        message = "must be false for 'round_robin': its tasks take turns, batch by batch. Use 'uniform' to mix them."
        raise ValueError(message)
    return True


@dataclass(frozen=True, kw_only=True)
class RoundRobin(Sampling):
    """Draw every task equally often, in batches of one task that take turns.

    An epoch draws as many rows of each task. A task of long texts has more batches, which are spread evenly.

    Args:
        mix: always false.
    """

    kind: ClassVar[str] = "round_robin"
    turns: ClassVar[bool] = True
    mix: Annotated[bool, Predicate(_is_false)] = False

    def rates(self, rows: Mapping[str, int], course: Course) -> dict[str, float]:  # noqa: ARG002  always the same
        return dict.fromkeys(rows, 1.0)
