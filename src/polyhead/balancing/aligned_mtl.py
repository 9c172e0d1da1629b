"""Gradients made orthogonal and of equal length."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from polyhead.balancing._gradients import GradientBalancing


@dataclass(frozen=True, kw_only=True)
class AlignedGradients(GradientBalancing):
    """Align the principal components of the gradients, which makes them orthogonal and equal in length.

    Args:
        scale_mode: which principal component sets the length.

    Reference:
        Senushkin et al. 2023, https://arxiv.org/abs/2305.19000
    """

    kind: ClassVar[str] = "aligned_mtl"
    method: ClassVar[str] = "AlignedMTL"
    scale_mode: Literal["min", "median", "rmse"] = "min"
