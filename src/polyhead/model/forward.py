"""One batch through a model: which encoder passes it takes, and which states each head reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING

from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.packed.states import TokenStates
from polyhead.tasks.base import HeadTask, Task

if TYPE_CHECKING:
    from polyhead.model.multitask import MultiTaskModel
    from polyhead.sharing._branches import Branches


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch gives.

    Args:
        logits: by task.
        embedding: of the texts, shape `(batch, width)`; of width 0 where it was not needed and would cost a pass.
        states: those that the embedding is pooled from, else the first task's.
    """

    logits: dict[str, Tensor]
    embedding: Tensor
    states: TokenStates


def forward(model: "MultiTaskModel", batch: Mapping[str, Tensor], names: Sequence[str], *, embeds: bool) -> Found:
    """Run the encoder as often as the way of sharing asks, and the heads of some tasks.

    Args:
        model: the model.
        batch: `input_ids` and `attention_mask`, shape `(batch, tokens)`.
        names: tasks with heads.
        embeds: whether the embedding is needed, too; without tasks it always is.
    """
    mask = batch["attention_mask"].bool()
    states = _states(model, batch, names)
    plain = _plain(model, batch, states, embeds=embeds)
    # Tasks that share a pass share the pooling too.
    pooled = {} if plain is None else {id(plain): model.pool(plain.padded, mask)}
    logits: dict[str, Tensor] = {}
    for name in names:
        own, head = states[name], model.head(name)
        read = model.branches.read(name, own.padded, mask)
        if read is None and model.tasks[name].level == "text":
            key = id(own)
            read = pooled[key] = pooled[key] if key in pooled else model.pool(own.padded, mask)
        logits[name] = own.through(head) if read is None else head(read)
    if model.ngrams is not None and not model.ngrams.outputs.keys().isdisjoint(names):
        said = model.ngrams(batch["input_ids"], mask)
        logits |= {name: of + said[name].to(of.dtype) for name, of in logits.items() if name in said}
    if plain is None:
        first = states[names[0]]
        return Found(logits, first.padded.new_zeros((mask.shape[0], 0)), first)
    return Found(logits, pooled[id(plain)], plain)


def head_levels(tasks: Mapping[str, Task]) -> dict[str, str]:
    """Return the level of each task that has a head."""
    return {name: task.level for name, task in tasks.items() if isinstance(task, HeadTask)}


def count_passes(branches: "Branches", tasks: Mapping[str, Task]) -> int:
    """Count the encoder passes that a text costs when all tasks are asked; tasks without a head read the embedding."""
    headed = tuple(head_levels(tasks))
    return branches.passes(headed) + int(len(headed) < len(tasks) and not branches.one_pass)


def takes_types(encoder: PreTrainedModel) -> bool:
    """Tell whether an encoder distinguishes second texts from first ones."""
    types = getattr(encoder.config, "type_vocab_size", 0) or 0
    return types > 1 and "token_type_ids" in signature(encoder.forward).parameters


def token_types(ids: Tensor, separator: int) -> Tensor:
    """Tell second texts from first ones by the token between them, so that no graph needs another input for it."""
    is_separator = (ids == separator).to(ids.dtype)
    return (is_separator.cumsum(dim=1) - is_separator).clamp(max=1)


def _states(model: "MultiTaskModel", batch: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, TokenStates]:
    if not names:
        return {}
    if model.remembered is not None:
        return dict.fromkeys(names, TokenStates(model.remembered.states(batch)))
    return model.branches.states(model.encoder, batch, names, encode=model.encode)


def _plain(
    model: "MultiTaskModel", batch: Mapping[str, Tensor], states: Mapping[str, TokenStates], *, embeds: bool
) -> TokenStates | None:
    """Return the states that the embedding is pooled from, where they are at hand or needed."""
    if model.branches.one_pass and states:
        return next(iter(states.values()))
    if states and not embeds:
        return None
    if model.remembered is not None:
        return TokenStates(model.remembered.states(batch))
    return model.branches.plain(model.encoder, batch, encode=model.encode)
