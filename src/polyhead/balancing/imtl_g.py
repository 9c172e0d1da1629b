"""A step that is equally long along every gradient."""

from dataclasses import dataclass
from typing import ClassVar

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class ImpartialGradients(GradientBalancing):
    """Find the step whose projections onto all gradients are equal.

    Reference:
        Liu et al. 2021, https://openreview.net/forum?id=IMPnRXEWpvr
    """

    kind: ClassVar[str] = "imtl_g"
    method: ClassVar[str] = "IMTLG"
