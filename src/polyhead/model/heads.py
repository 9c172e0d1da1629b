"""The heads: from the states that all tasks share to the logits of one task."""

from torch import nn

from polyhead.model.dropout import Dropout
from polyhead.tasks.base import HeadTask


def build_head(task: HeadTask, width: int) -> nn.Sequential:
    """Make the head that a task asks for.

    Args:
        task: the task, with its labels known.
        width: width of what the head reads: `(batch, width)` for texts, `(batch, tokens, width)` for words.
    """
    if task.head == "linear":
        return nn.Sequential(Dropout(task.dropout), nn.Linear(width, task.outputs))
    hidden = task.hidden or max(1, width // 2)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), Dropout(task.dropout), nn.Linear(hidden, task.outputs))
