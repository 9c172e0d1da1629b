"""Dropout whose random numbers cost little on a processor."""

import torch
from torch import Tensor, nn

LEVELS = 2**16
"""Random bits a value: shares are kept to 1/65536."""


class Dropout(nn.Dropout):
    """Stands where `nn.Dropout` does; see `drop`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name is torch's
        """Drop values in training; any shape."""
        return drop(input, self)


def drop(states: Tensor, dropout: nn.Dropout) -> Tensor:
    """Do what a dropout module would do, from 16 random bits a value.

    torch draws a random number of its own for each value on a processor, which takes longer than a small layer.

    Args:
        states: values of any shape.
        dropout: says which share is dropped, and whether it trains.
    """
    threshold = round(dropout.p * LEVELS)
    if not dropout.training or not threshold:
        return states
    if states.device.type != "cpu" or threshold == LEVELS:
        return nn.functional.dropout(states, dropout.p)
    count = states.numel()
    bits = torch.empty(count // 4 + 1, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    # Written as numbers at once: a mask of truth values would take three times as long to multiply by.
    kept = torch.empty(states.shape, dtype=states.dtype)
    torch.ge(bits[:count].view(states.shape), threshold - LEVELS // 2, out=kept)
    return states * kept.mul_(LEVELS / (LEVELS - threshold))
