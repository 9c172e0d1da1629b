"""The shortest step that lowers every loss."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class MultipleGradientDescent(GradientBalancing):
    """Take the shortest vector among the weighted means of the gradients; no loss rises along it.

    Args:
        epsilon: how little a step of the search must gain for it to end.
        max_iters: steps of the search, at most.

    Reference:
        Désidéri 2012, https://doi.org/10.1016/j.crma.2012.03.014
    """

    kind: ClassVar[str] = "mgda"
    method: ClassVar[str] = "MGDA"
    epsilon: Annotated[float, Gt(0)] = 0.001
    max_iters: Annotated[int, Gt(0)] = 100
