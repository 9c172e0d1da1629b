"""The optimiser and the course of its learning rate."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from polyhead.model.multitask import MultiTaskModel
from polyhead.sharing._adapters import MARK
from polyhead.training.defaults import Settings
from polyhead.training.freezing import weight_depths


def build_optimizer(model: MultiTaskModel, settings: Settings) -> torch.optim.AdamW:
    """Make AdamW with decay on matrices only, and a learning rate of its own for what is new.

    With `layer_decay` a layer of the encoder learns more slowly, the deeper it lies (Howard & Ruder 2018,
    https://arxiv.org/abs/1801.06146). Each group keeps its peak rate under `peak`; `set_learning_rate` scales it.

    Reference:
        Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101
    """
    rates = _encoder_rates(model, settings)
    by_rate: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (False, rates[name]) if name in rates else (True, settings.head_learning_rate)
            by_rate.setdefault(key, []).append(parameter)
    groups = [
        group
        for (_, rate), parameters in sorted(by_rate.items(), key=lambda item: item[0][0])
        for group in parameter_groups(parameters, rate=rate, decay=settings.weight_decay)
    ]
    # The loop over single tensors, which is the default on a CPU, takes seven times as long.
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=settings.betas, fused=True)


def _encoder_rates(model: MultiTaskModel, settings: Settings) -> dict[str, float]:
    """Give each weight of the encoders its highest rate; adapters are new, and learn as fast as the heads."""
    rates: dict[str, float] = {}
    for place, encoder in model.encoders().items():
        depths = weight_depths(encoder)
        top = max(depths.values(), default=0)
        for name, depth in depths.items():
            if MARK not in name:
                rates[f"{place}.{name}"] = settings.learning_rate * settings.layer_decay ** (top - depth)
    return rates


def learning_rate_factor(progress: float, *, warmup: float) -> float:
    """Rise linearly from 0 to 1 during the warm-up, then fall linearly to 0.

    Args:
        progress: share of the training that is done, in [0, 1].
        warmup: share of the training that is warm-up.
    """
    if progress < warmup:
        return progress / warmup
    return max(0.0, (1.0 - progress) / (1.0 - warmup))


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's rate to a share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def parameter_groups(parameters: Iterable[nn.Parameter], *, rate: float, decay: float) -> list[dict[str, Any]]:
    """Group parameters for AdamW: matrices, which decay, and the rest, which does not; the rate is their peak."""
    matrices, vectors = list[nn.Parameter](), list[nn.Parameter]()
    for parameter in parameters:
        (matrices if parameter.dim() > 1 else vectors).append(parameter)
    groups = [(matrices, decay), (vectors, 0.0)]
    return [{"params": of, "lr": rate, "peak": rate, "weight_decay": kept} for of, kept in groups if of]
