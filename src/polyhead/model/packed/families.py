"""Which models can be run without padding, and by what."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.packed import bert, deberta, distilbert, gpt_neo
from polyhead.model.packed.layout import Packing


@dataclass(frozen=True, slots=True)
class Family:
    """A way to run models of one make without padding, with the weights where they are.

    Args:
        supports: tells whether a model's settings are all known.
        token_states: from a model, ids of shape `(batch, tokens)` and their packing to states `(tokens, width)`.
        layers: where the model has its layers.
    """

    supports: Callable[[PreTrainedModel], bool]
    token_states: Callable[[PreTrainedModel, Tensor, Packing], Tensor]
    layers: str


BERT = Family(bert.supports, bert.token_states, "encoder.layer")
FAMILIES = {
    "BertModel": BERT,
    "CamembertModel": BERT,
    "RobertaModel": BERT,
    "XLMRobertaModel": BERT,
    "DebertaV2Model": Family(deberta.supports, deberta.token_states, "encoder.layer"),
    "DistilBertModel": Family(distilbert.supports, distilbert.token_states, "transformer.layer"),
    "GPTNeoModel": Family(gpt_neo.supports, gpt_neo.token_states, "h"),
}
"""By class of transformers."""

ATTENTIONS = ("eager", "sdpa")


def family_of(module: PreTrainedModel) -> Family | None:
    """Find the way to run a model; nothing where only its own forward does what was asked of it."""
    own = type(module)
    family = FAMILIES.get(own.__name__) if own.__module__.startswith("transformers.models.") else None
    if family is None or getattr(module.config, "_attn_implementation", None) not in ATTENTIONS:
        return None
    watched = any(map(_is_watched, (module, *module.get_submodule(family.layers).children())))
    return None if is_drawn() or watched or not family.supports(module) else family


def is_drawn() -> bool:
    """Tell whether a graph is being made: for every length at once, which buckets are not."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]


def _is_watched(part: torch.nn.Module) -> bool:
    """Tell whether a forward is more than its own: hooks of sharding and offloading, or checkpointing of gradients."""
    own = vars(part)
    return bool(own["_forward_hooks"] or own["_forward_pre_hooks"] or own.get("gradient_checkpointing"))
