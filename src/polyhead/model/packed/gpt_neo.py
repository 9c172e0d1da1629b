"""GPT-Neo without padding: causal, every other layer with a window, scores that are not scaled."""

from typing import TYPE_CHECKING, cast

from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.dropout import drop
from polyhead.model.packed.attention import Attention
from polyhead.model.packed.layout import Packing

if TYPE_CHECKING:
    from transformers.models.gpt_neo.modeling_gpt_neo import GPTNeoBlock, GPTNeoMLP, GPTNeoModel, GPTNeoSelfAttention


def supports(module: PreTrainedModel) -> bool:  # noqa: ARG001  families are asked alike
    """Tell whether a model is one of the family; all are."""
    return True


def token_states(module: PreTrainedModel, input_ids: Tensor, packing: Packing) -> Tensor:
    """Compute the states of the tokens, shape `(tokens, width)`."""
    gpt_neo = cast("GPTNeoModel", module)
    states = drop(gpt_neo.wte(packing.pack(input_ids)) + gpt_neo.wpe(packing.positions), gpt_neo.drop)
    for part in gpt_neo.h:
        block = cast("GPTNeoBlock", part)
        states = states + _attend(block.attn.attention, block.ln_1(states), packing)
        states = states + _feed_forward(block.mlp, block.ln_2(states))
    return gpt_neo.ln_f(states)


def _attend(own: "GPTNeoSelfAttention", states: Tensor, packing: Packing) -> Tensor:
    window = own.config.window_size if own.attention_type == "local" else None
    attend = Attention(own.num_heads, 1.0, own.attn_dropout, causal=True, window=window)
    context = attend(own.q_proj(states), own.k_proj(states), own.v_proj(states), packing)
    return drop(own.out_proj(context), own.resid_dropout)


def _feed_forward(part: "GPTNeoMLP", states: Tensor) -> Tensor:
    return drop(part.c_proj(part.act(part.c_fc(states))), part.dropout)
