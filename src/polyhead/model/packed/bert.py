"""BERT without padding, and the families that are BERT in all but their positions."""

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.dropout import drop
from polyhead.model.packed.attention import Attention
from polyhead.model.packed.blocks import residual
from polyhead.model.packed.layout import Packing

if TYPE_CHECKING:
    from transformers.models.bert.modeling_bert import BertEmbeddings, BertLayer, BertModel, BertSelfAttention
    from transformers.models.roberta.modeling_roberta import RobertaEmbeddings


def supports(module: PreTrainedModel) -> bool:
    """Tell whether a model reads both ways, by absolute positions, and only its own texts."""
    settings = module.config
    absolute = getattr(settings, "position_embedding_type", None) in (None, "absolute")
    return absolute and not (settings.is_decoder or settings.add_cross_attention)


def token_states(module: PreTrainedModel, input_ids: Tensor, packing: Packing) -> Tensor:
    """Compute the states of the tokens, shape `(tokens, width)`."""
    bert = cast("BertModel", module)
    states = _embed(bert.embeddings, input_ids, packing)
    for part in bert.encoder.layer:
        layer = cast("BertLayer", part)
        own = cast("BertSelfAttention", layer.attention.self)
        attend = Attention(own.num_attention_heads, own.scaling, own.dropout)
        context = attend(own.query(states), own.key(states), own.value(states), packing)
        states = residual(layer.attention.output, context, states)
        states = residual(layer.output, layer.intermediate(states), states)
    return states


def _embed(embeddings: "BertEmbeddings | RobertaEmbeddings", input_ids: Tensor, packing: Packing) -> Tensor:
    words = embeddings.word_embeddings(packing.pack(input_ids))
    positions = packing.positions
    padding = embeddings.position_embeddings.padding_idx
    if padding is not None:
        # RoBERTa counts the tokens that are no padding, from the number after padding's.
        counted = input_ids.ne(padding)
        positions = packing.pack(torch.cumsum(counted, 1) * counted) + padding
    # As in the stock forward without types, all tokens are of the first.
    together = words + embeddings.token_type_embeddings.weight[0] + embeddings.position_embeddings(positions)
    return drop(embeddings.LayerNorm(together), embeddings.dropout)
