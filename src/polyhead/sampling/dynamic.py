"""More of the tasks that fall behind, fewer of those that do well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le, Lt

from polyhead.sampling.base import Course, Sampling


@dataclass(frozen=True, kw_only=True)
class Dynamic(Sampling):
    """Draw a task the more, the further its dev metric is below what it can reach; settled anew at each evaluation.

    A task can reach its reference, or its own best so far where it has none. What it lacks, as a part of that, is
    smoothed over the evaluations; its draws grow by `strength` times as much. Bounds keep every task in the game.

    Args:
        references: the primary metric of each task when it is trained alone, where that is known.
        strength: how strongly the draws follow: a task that lacks all it can reach is drawn `1 + strength` times as
            often.
        smoothing: how much of the earlier lack is kept at an evaluation.
        bound: the most by which a task's draws can grow relative to another's; at least 1.
        temperature: shares before any evaluation, as in `temperature`.

    Reference:
        After Gottumukkala et al. 2020, which draws in proportion to the lack alone,
        https://doi.org/10.18653/v1/2020.acl-main.86
    """

    kind: ClassVar[str] = "dynamic"
    references: Mapping[str, Annotated[float, Gt(0), Le(1)]] = field(default_factory=dict[str, float])
    strength: Annotated[float, Ge(0)] = 4.0
    smoothing: Annotated[float, Ge(0), Lt(1)] = 0.5
    bound: Annotated[float, Ge(1)] = 3.0
    temperature: Annotated[float, Ge(1)] = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "references", MappingProxyType(dict(self.references)))

    @property
    def named_tasks(self) -> Sequence[str]:
        return tuple(self.references)

    def rates(self, rows: Mapping[str, int], course: Course) -> dict[str, float]:
        growth = {task: min(self.bound, 1 + self.strength * self._lack(task, course)) for task in rows}
        return {task: count ** (1 / self.temperature) * growth[task] for task, count in rows.items()}

    def _lack(self, task: str, course: Course) -> float:
        """Smooth what a task lacked at each evaluation, in [0, 1]; no state is kept, the scores are enough."""
        lack, best = 0.0, 0.0
        for number, scores in enumerate(evaluation for evaluation in course.scores if task in evaluation):
            best = max(best, scores[task])
            reach = self.references.get(task, best)
            found = max(0.0, 1 - scores[task] / reach) if reach else 0.0
            lack = found if number == 0 else self.smoothing * lack + (1 - self.smoothing) * found
        return lack
