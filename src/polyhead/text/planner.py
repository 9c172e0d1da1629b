"""One planner for training, evaluation, prediction and serving: batches by a budget of tokens."""

from collections.abc import Sequence

import numpy as np

from polyhead.spans import Integers


def plan_batches(lengths: Sequence[int] | Integers, *, budget: int) -> list[Integers]:
    """Group texts of similar length into batches of at most `budget` padded tokens.

    Args:
        lengths: tokens of each text, shape `(texts,)`.
        budget: rows times longest row of a batch; a longer text makes a batch of its own.

    Returns:
        Indices into `lengths`, one array a batch, shortest texts first; ties keep their order.
    """
    order = np.argsort(lengths, kind="stable")
    sorted_lengths = np.asarray(lengths)[order]
    batches: list[Integers] = []
    begin = 0
    while begin < len(order):
        # The longest text comes last, so rows times its length is the cost of each possible end.
        reach = min(len(order), begin + max(1, budget // max(1, int(sorted_lengths[begin]))))
        cost = sorted_lengths[begin:reach] * np.arange(1, reach - begin + 1)
        end = begin + max(1, int(np.searchsorted(cost, budget, side="right")))
        batches.append(order[begin:end])
        begin = end
    return batches
