"""The windows of long texts, joined with their gradients; the same as `runtime.windows`, which has no torch."""

import torch
from torch import Tensor

from polyhead.model.outputs import Outputs
from polyhead.runtime.windows import Joining
from polyhead.spans import Booleans, Floats, Integers
from polyhead.tasks.base import HeadTask, Task, TextTask


def logits_of(outputs: Outputs, name: str, task: Task, joining: Joining | None) -> Tensor:
    """Return the logits of whole texts.

    Args:
        outputs: of a batch of texts, or of their windows.
        name: of the task.
        task: the task; one without a head reads the embedding itself.
        joining: how windows become texts, when there are windows.

    Returns:
        Shape `(texts, outputs)` or, for words, `(texts, tokens, outputs)`.
    """
    if not isinstance(task, HeadTask):
        embedding = outputs.embedding
        return embedding if joining is None else _weighted(_taken(embedding, joining.members), joining.lengths)
    logits = outputs[name]
    return logits[..., : task.outputs] if joining is None else _joined(logits, task, joining)


def _joined(logits: Tensor, task: HeadTask, joining: Joining) -> Tensor:
    if task.level == "words":
        return _taken(logits.flatten(0, 1), joining.places)
    members = _taken(logits, joining.members)
    how = task.windows if isinstance(task, TextTask) else "mean"
    if how == "max":
        return members.amax(dim=1)
    if how == "attention":
        real = torch.from_numpy(joining.real).to(logits.device)
        weights = members[..., -1].float().masked_fill(~real, -torch.inf).softmax(dim=1)
        return (members[..., :-1] * weights.to(members.dtype).unsqueeze(-1)).sum(dim=1)
    return _weighted(members, joining.real)


def _weighted(members: Tensor, weights: Floats | Booleans) -> Tensor:
    shares = torch.from_numpy(weights / weights.sum(axis=1, keepdims=True)).to(members)
    return (members * shares.unsqueeze(-1)).sum(dim=1)


def _taken(rows: Tensor, places: Integers) -> Tensor:
    return rows[torch.from_numpy(places).to(rows.device)]
