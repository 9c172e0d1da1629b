"""DeBERTa-v2 without padding: attention that reads words and their distances apart, after a convolution over words.

He et al. 2021, https://arxiv.org/abs/2006.03654, whose version 3 has the same layers.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import ACT2FN
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from polyhead.model.dropout import drop
from polyhead.model.packed.blocks import residual
from polyhead.model.packed.layout import Bucket, Packing

if TYPE_CHECKING:
    from transformers.models.deberta_v2.modeling_deberta_v2 import (
        ConvLayer,
        DebertaV2Embeddings,
        DebertaV2Layer,
        DebertaV2Model,
        DisentangledSelfAttention,
    )

BOTH_WAYS = {"c2p", "p2c"}
"""From content to position and from position to content."""


@dataclass(frozen=True, slots=True)
class Distances:
    """The vectors of the distances that two tokens of a batch can have.

    Args:
        vectors: one a distance, nearer ones finer, shape `(distances, width)`.
        numbers: which vector is that of query minus key, shape `(longest, longest)`.
    """

    vectors: Tensor
    numbers: Tensor


def supports(module: PreTrainedModel) -> bool:
    """Tell whether a model scores distances both ways, projects them like words, and has no other positions."""
    settings = module.config
    odd_kernel = getattr(settings, "conv_kernel_size", 0) % 2 or not getattr(settings, "conv_kernel_size", 0)
    embeddings = cast("DebertaV2Model", module).embeddings
    return bool(
        settings.relative_attention
        and getattr(settings, "share_att_key", False)
        and set(settings.pos_att_type or ()) == BOTH_WAYS
        and odd_kernel
        and embeddings.position_embeddings is None
        and embeddings.token_type_embeddings is None
        and embeddings.embed_proj is None
    )


def token_states(module: PreTrainedModel, input_ids: Tensor, packing: Packing) -> Tensor:
    """Compute the states of the tokens, shape `(tokens, width)`."""
    deberta = cast("DebertaV2Model", module)
    embedded = states = _embed(deberta.embeddings, packing.pack(input_ids))
    distances = _distances(deberta, int(packing.lengths[-1]))
    for number, part in enumerate(deberta.encoder.layer):
        layer = cast("DebertaV2Layer", part)
        context = _attend(layer.attention.self, states, distances, packing)
        states = residual(layer.attention.output, context, states)
        states = residual(layer.output, layer.intermediate(states), states)
        if number == 0 and deberta.encoder.conv is not None:
            states = _convolve(deberta.encoder.conv, embedded, states, packing)
    return states


def _embed(embeddings: "DebertaV2Embeddings", ids: Tensor) -> Tensor:
    return drop(embeddings.LayerNorm(embeddings.word_embeddings(ids)), embeddings.dropout)


def _convolve(part: "ConvLayer", embedded: Tensor, states: Tensor, packing: Packing) -> Tensor:
    """Add a convolution over the embedded words of each text; zeros between texts keep them apart."""
    apart = part.conv.kernel_size[0] // 2
    places = torch.arange(len(embedded), device=embedded.device) + packing.texts * apart
    room = embedded.new_zeros(len(embedded) + (len(packing.lengths) - 1) * apart, embedded.shape[1])
    line = room.index_copy(0, places, embedded).t().unsqueeze(0)
    near = part.conv(line).squeeze(0).t().index_select(0, places)
    return part.LayerNorm(states + ACT2FN[part.conv_act](drop(near, part.dropout)))


def _distances(deberta: "DebertaV2Model", longest: int) -> Distances:
    """Take the vectors of the distances up to that of the first and last token of the longest text."""
    encoder = deberta.encoder
    vectors = cast("Tensor", encoder.get_rel_embedding())
    half = len(vectors) // 2
    # Counted on the processor: to ask a device for the first and last would wait for all its work.
    apart = torch.arange(1 - longest, longest)
    if encoder.position_buckets > 0:
        apart = make_log_bucket_position(apart, encoder.position_buckets, encoder.max_relative_positions).long()
    numbers = (apart + half).clamp(0, 2 * half - 1)
    first, last = int(numbers[0]), int(numbers[-1])
    steps = torch.arange(longest, device=vectors.device)
    numbers = (numbers - first).to(vectors.device, non_blocking=vectors.is_cuda)
    return Distances(vectors[first : last + 1], numbers[steps[:, None] - steps + longest - 1])


def _attend(own: "DisentangledSelfAttention", states: Tensor, distances: Distances, packing: Packing) -> Tensor:
    vectors = drop(distances.vectors, own.pos_dropout)
    # Words and distances share their projections.
    keys_of_distances, queries_of_distances = (
        project(vectors).view(len(vectors), own.num_attention_heads, -1).permute(1, 2, 0)
        for project in (own.key_proj, own.query_proj)
    )
    words = (own.query_proj(states), own.key_proj(states), own.value_proj(states))
    parts: list[Tensor] = []
    for bucket in packing.buckets:
        queries, keys, values = (_by_head(bucket.grid(of), own.num_attention_heads) for of in words)
        numbers = distances.numbers[: bucket.longest, : bucket.longest]
        bias = _scores(queries, keys_of_distances, numbers)
        bias = bias.add_(_scores(keys, queries_of_distances, numbers.t()).transpose(2, 3))
        parts.append(bucket.packed(_mix(queries, keys, values, bias=_masked(bias, bucket), dropout=own.dropout)))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _by_head(grid: Tensor, heads: int) -> Tensor:
    """Reshape `(texts, tokens, width)` to `(heads, texts, tokens, width of a head)`."""
    return grid.unflatten(2, (heads, -1)).permute(2, 0, 1, 3).contiguous()


def _scores(words: Tensor, distances: Tensor, numbers: Tensor) -> Tensor:
    """Score each word against the vector of its distance to each other, shape `(heads, texts, tokens, tokens)`."""
    every = torch.bmm(words.flatten(1, 2), distances).view(*words.shape[:3], -1)
    return every.gather(3, numbers.expand(*words.shape[:3], -1))


def _masked(bias: Tensor, bucket: Bucket) -> Tensor:
    if bucket.mask is None:
        return bias
    hidden = torch.zeros_like(bucket.mask, dtype=bias.dtype).masked_fill_(~bucket.mask, -torch.inf)
    return bias.add_(hidden.squeeze(1))


def _mix(queries: Tensor, keys: Tensor, values: Tensor, *, bias: Tensor, dropout: nn.Dropout) -> Tensor:
    """Attend; states by head to `(texts, tokens, width)`."""
    heads, texts, tokens, width = queries.shape
    # Three kinds of scores add up, so they are scaled like three times the width.
    scale = 1.0 / math.sqrt(3 * width)
    scores = torch.baddbmm(
        bias.flatten(0, 1), queries.flatten(0, 1), keys.flatten(0, 1).transpose(1, 2), beta=scale, alpha=scale
    )
    mixed = torch.bmm(drop(scores.softmax(dim=2), dropout), values.flatten(0, 1))
    return mixed.view(heads, texts, tokens, width).permute(1, 2, 0, 3).flatten(2)
