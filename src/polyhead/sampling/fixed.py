"""The shares that the recipe says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, ClassVar

from annotated_types import Gt

from polyhead.sampling.base import Course, Sampling


@dataclass(frozen=True, kw_only=True)
class FixedShares(Sampling):
    """Draw tasks in proportion to given parts: `parts = { topic = 3, entities = 1 }` is 3 draws to 1.

    Args:
        parts: by task; a task that is not named gets 1.
    """

    kind: ClassVar[str] = "fixed"
    parts: Mapping[str, Annotated[float, Gt(0)]] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", MappingProxyType(dict(self.parts)))

    @property
    def named_tasks(self) -> Sequence[str]:
        return tuple(self.parts)

    def rates(self, rows: Mapping[str, int], course: Course) -> dict[str, float]:  # noqa: ARG002  always the same
        return {task: self.parts.get(task, 1.0) for task in rows}
