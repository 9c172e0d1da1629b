"""The graph of DeBERTa-v2 and v3: attention by content and by relative position, and a convolution."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from polyhead.export import layers
from polyhead.export.graph import Graph
from polyhead.export.layout import Layout, laid_out, token_count
from polyhead.runtime.names import MASK


@dataclass(frozen=True, slots=True)
class Positions:
    """What all layers know of relative positions.

    Args:
        states: embedding of each bucket of distances, shape `(buckets, width)`.
        by_query: where the score of a pair lies in `(tokens of queries, buckets)` laid flat, shape `(tokens, tokens)`.
        by_key: the same in `(tokens of keys, buckets)`.
    """

    states: Tensor
    by_query: str
    by_key: str


def deberta_states(graph: Graph, encoder: PreTrainedModel, separator: int | None) -> str | None:
    """Append DeBERTa-v2 or v3.

    Args:
        graph: the graph.
        encoder: the encoder.
        separator: the token before a second text; absent when the encoder does not tell it from a first one.

    Returns:
        The name of the token states; nothing when the model has a part that this graph does not know.
    """
    model: Any = encoder
    settings = encoder.config
    if not _is_known(settings):
        return None
    layout = laid_out(graph)
    first = states = _embeddings(layout, model.embeddings, separator=separator)
    positions = _positions(graph, model.encoder, limit=settings.max_position_embeddings)
    mask = layers.key_mask(graph)
    for number, layer in enumerate(model.encoder.layer):
        name = f"encoder.{number}"
        seen = _attention(layout, states, layer.attention.self, positions, mask=mask, name=name)
        seen = layers.linear(graph, seen, layer.attention.output.dense, name=f"{name}.attended")
        states = layers.total(graph, states, seen)
        states = layers.normalized(graph, states, layer.attention.output.LayerNorm, name=f"{name}.attention_norm")
        wide = layers.linear(graph, states, layer.intermediate.dense, name=f"{name}.widen")
        narrow = graph.add(layers.ACTIVATIONS[settings.hidden_act], wide)
        narrow = layers.linear(graph, narrow, layer.output.dense, name=f"{name}.narrow")
        states = layers.total(graph, states, narrow)
        states = layers.normalized(graph, states, layer.output.LayerNorm, name=f"{name}.norm")
        if number == 0 and model.encoder.conv is not None:
            states = _convolution(layout, model.encoder.conv, first=first, states=states)
    return layout.spread(states)


def _is_known(settings: Any) -> bool:  # noqa: ANN401  a configuration of transformers
    convolution = getattr(settings, "conv_kernel_size", 0) or 0
    activation = getattr(settings, "conv_act", "tanh")
    known = not convolution or (activation in layers.ACTIVATIONS and getattr(settings, "conv_groups", 1) == 1)
    whole = not hasattr(settings, "attention_head_size") and convolution % 2 == bool(convolution)
    kinds = set(settings.pos_att_type or ()) <= {"c2p", "p2c"}
    return settings.hidden_act in layers.ACTIVATIONS and known and whole and kinds


def _embeddings(layout: Layout, parts: Any, *, separator: int | None) -> str:  # noqa: ANN401
    graph = layout.graph
    states = layers.embedded(graph, parts.word_embeddings.weight, layout.ids(), name="encoder.words")
    if parts.token_type_embeddings is not None:
        states = layers.total(graph, states, layers.type_states(layout, parts.token_type_embeddings.weight, separator))
    if parts.position_embeddings is not None:
        states = layers.total(graph, states, layers.position_states(layout, parts.position_embeddings.weight))
    if parts.embed_proj is not None:
        states = layers.linear(graph, states, parts.embed_proj, name="encoder.embeddings.widen")
    return layers.normalized(graph, states, parts.LayerNorm, name="encoder.embeddings.norm")


def _positions(graph: Graph, encoder: Any, *, limit: int) -> Positions | None:  # noqa: ANN401
    if not encoder.relative_attention:
        return None
    attention = encoder.layer[0].attention.self
    reach, buckets = attention.max_relative_positions, attention.position_buckets
    span = attention.pos_ebd_size
    steps = torch.arange(-limit + 1, limit)
    bucket = make_log_bucket_position(steps, buckets, reach).long() if buckets > 0 else steps
    table = graph.weight((bucket + span).clamp(0, 2 * span - 1).numpy(), "encoder.buckets")
    distance = graph.add("Add", layers.distances(graph), graph.whole(limit - 1))
    found = graph.add("Gather", table, distance)
    row = graph.add("Mul", layers.positions(graph), graph.whole(2 * span))
    by_query = graph.add("Add", found, graph.add("Unsqueeze", row, graph.integers(1)))
    with torch.no_grad():
        states: Tensor = encoder.get_rel_embedding()[: 2 * span]
    return Positions(states, by_query, graph.add("Add", found, row))


def _attention(
    layout: Layout,
    states: str,
    part: Any,  # noqa: ANN401
    positions: Positions | None,
    *,
    mask: str,
    name: str,
) -> str:
    graph = layout.graph
    query = layout.spread(layers.linear(graph, states, part.query_proj, name=f"{name}.query"))
    key = layout.spread(layers.linear(graph, states, part.key_proj, name=f"{name}.key"))
    value = layout.spread(layers.linear(graph, states, part.value_proj, name=f"{name}.value"))
    bias = _bias(graph, part, positions, query=query, key=key) if positions and part.pos_att_type else ""
    heads = part.num_attention_heads
    seen = layers.attended(graph, (query, key, value), heads=heads, scale=_scale(part), mask=mask, bias=bias)
    return layout.pack(seen)


def _scale(part: Any) -> float:  # noqa: ANN401
    """Return one over the root of a head's width times the summands of a score."""
    return 1 / math.sqrt(part.attention_head_size * (1 + len(part.pos_att_type)))


def _bias(graph: Graph, part: Any, positions: Positions, *, query: str, key: str) -> str:  # noqa: ANN401
    """Return the scores by relative position, shape `(batch, heads, tokens, tokens)`."""
    shared = part.share_att_key
    scores: list[str] = []
    with torch.no_grad():
        if "c2p" in part.pos_att_type:
            keys = (part.key_proj if shared else part.pos_key_proj)(positions.states)
            scores.append(_scores(graph, part, query, keys, places=positions.by_query))
        if "p2c" in part.pos_att_type:
            queries = (part.query_proj if shared else part.pos_query_proj)(positions.states)
            scores.append(_scores(graph, part, key, queries, places=positions.by_key))
    return graph.add("Sum", *scores)


def _scores(graph: Graph, part: Any, states: str, relative: Tensor, *, places: str) -> str:  # noqa: ANN401
    """Multiply states with the projected positions and pick, for each pair of tokens, that of its distance."""
    heads, width = part.num_attention_heads, part.attention_head_size
    weights = (relative * _scale(part)).view(-1, heads, width).permute(1, 2, 0)
    split = graph.add("Reshape", states, graph.integers(0, 0, heads, width))
    split = graph.add("Transpose", split, attributes={"perm": [0, 2, 1, 3]})
    product = graph.add("MatMul", split, graph.weight(layers.array(weights), "encoder.relative"))
    flat = graph.add("Reshape", product, graph.integers(0, 0, -1))
    return graph.add("Gather", flat, places, attributes={"axis": 2})


def _convolution(layout: Layout, part: Any, *, first: str, states: str) -> str:  # noqa: ANN401
    """Append the convolution over neighbouring tokens, as one product of all neighbours laid side by side."""
    graph = layout.graph
    weights = layers.array(part.conv.weight)
    width, size = weights.shape[1:]
    nothing = graph.weight(np.zeros((1, width), dtype=np.float32), "encoder.convolution.nothing")
    rows = graph.add("Concat", nothing, first, attributes={"axis": 0})
    beside = graph.add("Gather", rows, _neighbours(layout, size))
    beside = graph.add("Reshape", beside, graph.integers(-1, size * width))
    flat = np.transpose(weights, (2, 1, 0)).reshape(-1, weights.shape[0])
    mixed = graph.add("MatMul", beside, graph.weight(flat, "encoder.convolution.weight"))
    mixed = graph.add("Add", mixed, graph.weight(layers.array(part.conv.bias), "encoder.convolution.bias"))
    mixed = graph.add(layers.ACTIVATIONS[part.conv_act], mixed)
    return layers.normalized(graph, layers.total(graph, states, mixed), part.LayerNorm, name="encoder.convolution.norm")


def _neighbours(layout: Layout, size: int) -> str:
    """Return where each token's neighbours lie behind a first row for none, shape `(real, size)`."""
    graph, side = layout.graph, size // 2
    visible = graph.add("Cast", MASK, attributes={"to": TensorProto.BOOL})
    places = graph.add("Where", visible, graph.add("Add", layout.places, graph.whole(1)), graph.whole(0))
    # Filled with 0, since OpenVINO fills with nothing else that is only known when the graph runs.
    places = graph.add("Pad", places, graph.integers(0, side, 0, side))
    count = token_count(graph)
    shifted = [
        graph.add("Slice", places, graph.integers(step), _moved(graph, count, step), graph.integers(1))
        for step in range(size)
    ]
    apart = [graph.add("Unsqueeze", places, graph.integers(2)) for places in shifted]
    return layout.pack(graph.add("Concat", *apart, attributes={"axis": 2}))


def _moved(graph: Graph, count: str, step: int) -> str:
    return graph.add("Add", count, graph.integers(step)) if step else count
