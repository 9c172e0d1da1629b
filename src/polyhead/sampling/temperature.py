"""Between proportional to size and uniform: one temperature for the whole range."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from polyhead.sampling.base import Course, Sampling


@dataclass(frozen=True, kw_only=True)
class Temperature(Sampling):
    """Draw tasks in proportion to `min(rows, cap) ** (1 / temperature)`.

    Args:
        temperature: 1 is proportional to size; the larger, the closer to uniform.
        cap: the size at which a large task counts no further; none when absent.

    Reference:
        Raffel et al. 2020, section 3.5.2, https://arxiv.org/abs/1910.10683
    """

    kind: ClassVar[str] = "temperature"
    temperature: Annotated[float, Ge(1)] = 1.0
    cap: Annotated[int, Gt(0)] | None = None

    def rates(self, rows: Mapping[str, int], course: Course) -> dict[str, float]:  # noqa: ARG002  always the same
        counted = {task: count if self.cap is None else min(count, self.cap) for task, count in rows.items()}
        return {task: count ** (1 / self.temperature) for task, count in counted.items()}
