"""The heads: from the states that all tasks share to the logits of one task."""

import torch
from torch import nn

from polyhead.model.dropout import Dropout
from polyhead.tasks.base import HeadTask


def build_head(task: HeadTask, width: int) -> nn.Sequential:
    """Make the head that a task asks for; its further parameters are attributes of it.

    Args:
        task: the task, with its labels known.
        width: width of what the head reads: `(batch, width)` for texts, `(batch, tokens, width)` for words.
    """
    if task.head == "linear":
        head = nn.Sequential(Dropout(task.dropout), nn.Linear(width, task.head_outputs))
    else:
        hidden = task.hidden or max(1, width // 2)
        layers = nn.Linear(width, hidden), nn.ReLU(), Dropout(task.dropout), nn.Linear(hidden, task.head_outputs)
        head = nn.Sequential(*layers)
    for name, shape in task.parameters.items():
        head.register_parameter(name, nn.Parameter(torch.zeros(shape)))
    return head
