"""Adam over a few named numbers: what learned weights need, and exact in a checkpoint."""

import math
from collections.abc import Mapping
from typing import Any

FIRST, SECOND, STABLE = 0.9, 0.999, 1e-8


class Adam:
    """Descends along gradients of named numbers, each with its own count of steps: absent ones stay as they are.

    Args:
        values: where the numbers start.
        rate: the learning rate.
        decay: added to the gradient, times the value.

    Reference:
        Kingma & Ba 2015, https://arxiv.org/abs/1412.6980
    """

    def __init__(self, values: Mapping[str, float], *, rate: float, decay: float = 0.0) -> None:
        self.values = dict(values)
        self._rate, self._decay = rate, decay
        self._moments: dict[str, list[float]] = {name: [0.0, 0.0, 0.0] for name in values}

    def step(self, gradients: Mapping[str, float]) -> None:
        """Take a step."""
        for name, gradient in gradients.items():
            slope = gradient + self._decay * self.values[name]
            count, mean, square = self._moments[name]
            count, mean = count + 1, FIRST * mean + (1 - FIRST) * slope
            square = SECOND * square + (1 - SECOND) * slope * slope
            self._moments[name] = [count, mean, square]
            scale = math.sqrt(square / (1 - SECOND**count)) + STABLE
            self.values[name] -= self._rate * mean / (1 - FIRST**count) / scale

    def state(self) -> dict[str, Any]:
        """Return the numbers and their moments as plain values."""
        return {"values": dict(self.values), "moments": {name: list(of) for name, of in self._moments.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` returned."""
        self.values = dict(state["values"])
        self._moments = {name: list(of) for name, of in state["moments"].items()}


def softmax(values: Mapping[str, float]) -> dict[str, float]:
    """Turn numbers into shares of one."""
    highest = max(values.values())
    powers = {name: math.exp(value - highest) for name, value in values.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}
