"""DistilBERT without padding."""

from typing import TYPE_CHECKING, cast

from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.dropout import drop
from polyhead.model.packed.attention import Attention
from polyhead.model.packed.layout import Packing

if TYPE_CHECKING:
    from transformers.models.distilbert.modeling_distilbert import FFN, DistilBertModel, TransformerBlock


def supports(module: PreTrainedModel) -> bool:  # noqa: ARG001  families are asked alike
    """Tell whether a model is one of the family; all are."""
    return True


def token_states(module: PreTrainedModel, input_ids: Tensor, packing: Packing) -> Tensor:
    """Compute the states of the tokens, shape `(tokens, width)`."""
    distilbert = cast("DistilBertModel", module)
    embeddings = distilbert.embeddings
    words = embeddings.word_embeddings(packing.pack(input_ids))
    states = embeddings.LayerNorm(words + embeddings.position_embeddings(packing.positions))
    states = drop(states, embeddings.dropout)
    for part in distilbert.transformer.layer:
        block = cast("TransformerBlock", part)
        own = block.attention
        attend = Attention(own.n_heads, own.scaling, own.dropout)
        context = attend(own.q_lin(states), own.k_lin(states), own.v_lin(states), packing)
        states = block.sa_layer_norm(own.out_lin(context) + states)
        states = block.output_layer_norm(_feed_forward(block.ffn, states) + states)
    return states


def _feed_forward(part: "FFN", states: Tensor) -> Tensor:
    return drop(part.lin2(part.activation(part.lin1(states))), part.dropout)
