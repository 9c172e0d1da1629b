"""Gains shared fairly, in the sense that alpha sets."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class FairGains(GradientBalancing):
    """Find the step that maximises the alpha-fair sum of the gains.

    Args:
        alpha: 0 is the plain mean, 1 proportional fairness; the larger, the more the worst task counts.

    Reference:
        Ban & Ji 2024, https://arxiv.org/abs/2402.15638
    """

    kind: ClassVar[str] = "fairgrad"
    method: ClassVar[str] = "FairGrad"
    alpha: Annotated[float, Ge(0)] = 1.0
