"""A running average of the weights, which answers better than the last weights of a short training do."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

AVERAGE = "average."


class WeightAverage:
    """An exponential moving average of a model's parameters: w = d w + (1 - d) θ after each step.

    The first steps weigh more, d = min(decay, (1 + n) / (10 + n)) after n steps, so that the random beginning is soon
    forgotten.

    Args:
        model: its parameters are averaged; with a decay of 0, nothing is kept and nothing is changed.
        decay: the share of the average that stays at each step, in [0, 1).

    Reference:
        The uniform average: Polyak & Juditsky 1992, https://doi.org/10.1137/0330046
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._named = {name: own for name, own in model.named_parameters() if own.requires_grad} if decay else {}
        self._decay = decay
        self._average = {name: own.detach().clone() for name, own in self._named.items()}

    def update(self, step: int) -> None:
        """Take in the weights after a step.

        Args:
            step: optimiser steps done.
        """
        if not self._named:
            return
        kept = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, own in self._named.items():
                self._average[name].lerp_(own, 1 - kept)

    @contextmanager
    def applied(self) -> Generator[None]:
        """Put the average in the place of the weights for a while."""
        with torch.no_grad():
            own = {name: parameter.detach().clone() for name, parameter in self._named.items()}
            self._put(self._average)
            try:
                yield
            finally:
                self._put(own)

    def tensors(self) -> dict[str, Tensor]:
        """Return what a checkpoint needs."""
        return {AVERAGE + name: average for name, average in self._average.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go back to what `tensors` gave."""
        for name, average in self._average.items():
            average.copy_(tensors[AVERAGE + name])

    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self._named.items():
            parameter.data.copy_(values[name])
