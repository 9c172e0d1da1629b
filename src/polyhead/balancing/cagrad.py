"""Near the mean gradient, the step that is best for the task that gains least."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class ConflictAverse(GradientBalancing):
    """Maximise the least gain of any task within a ball around the mean gradient.

    Args:
        c: radius of the ball, relative to the mean gradient; 0 is the mean itself.

    Reference:
        Liu et al. 2021, https://arxiv.org/abs/2110.14048
    """

    kind: ClassVar[str] = "cagrad"
    method: ClassVar[str] = "CAGrad"
    c: Annotated[float, Ge(0)] = 0.5
