"""The step that the tasks would agree on by bargaining."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class NashBargaining(GradientBalancing):
    """Find the Nash bargaining solution: the step that maximises the sum of the logarithms of all gains.

    Args:
        max_norm: longest joined gradient; 0 sets no limit.
        optim_niter: steps of the search, at most.

    Reference:
        Navon et al. 2022, algorithm 1, https://arxiv.org/abs/2202.01017
    """

    kind: ClassVar[str] = "nash_mtl"
    method: ClassVar[str] = "NashMTL"
    counts_tasks: ClassVar[str | None] = "n_tasks"
    max_norm: Annotated[float, Ge(0)] = 1.0
    optim_niter: Annotated[int, Gt(0)] = 20
