"""From proportional to size at first towards uniform at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from polyhead.sampling.base import Course, Sampling


@dataclass(frozen=True, kw_only=True)
class Annealed(Sampling):
    """Draw tasks in proportion to `rows ** alpha`, alpha falling from 1 in the first epoch to `last` in the last.

    In epoch e of E, counted from 1, alpha is `1 - (1 - last) * (e - 1) / (E - 1)`; the paper's last alpha is 0.2.

    Args:
        last: alpha of the last epoch; 0 ends at uniform, 1 stays at proportional.

    Reference:
        Stickland & Murray 2019, section 3.4, https://arxiv.org/abs/1902.02671
    """

    kind: ClassVar[str] = "annealed"
    last: Annotated[float, Ge(0), Le(1)] = 0.2

    def rates(self, rows: Mapping[str, int], course: Course) -> dict[str, float]:
        alpha = 1 - (1 - self.last) * course.progress
        return {task: count**alpha for task, count in rows.items()}
