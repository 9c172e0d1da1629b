"""Attention that a task has for itself, as operators: it reads the states that all tasks share."""

import torch
from torch import Tensor

from polyhead.export import layers
from polyhead.export.graph import Graph
from polyhead.sharing._attention import Reader


def read_by(graph: Graph, states: str, reader: Reader, *, mask: str, name: str) -> str:
    """Append a task's own attention.

    Args:
        graph: the graph.
        states: shared by all tasks, shape `(batch, tokens, width)`.
        reader: the task's attention.
        mask: 1 at tokens and 0 at padding, shape `(batch, tokens)`.
        name: what its weights are called.

    Returns:
        What the head reads: shape `(batch, width)` for a text, that of the states for words.
    """
    attention = reader.attention
    projections = zip(attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3), strict=True)
    (weight, bias), of_keys, of_values = projections
    if reader.query is None:
        query = _projected(graph, states, weight, bias, name=f"{name}.query")
    else:
        with torch.no_grad():
            asked = graph.weight(layers.array(reader.query @ weight.T + bias), f"{name}.query")
        batch = graph.add("Shape", states, attributes={"start": 0, "end": 1})
        shape = graph.add("Concat", batch, graph.integers(1, reader.query.shape[2]), attributes={"axis": 0})
        query = graph.add("Expand", asked, shape)
    key = _projected(graph, states, *of_keys, name=f"{name}.key")
    value = _projected(graph, states, *of_values, name=f"{name}.value")
    seen = layers.attended(graph, (query, key, value), heads=attention.num_heads, mask=mask)
    found = layers.linear(graph, seen, attention.out_proj, name=f"{name}.attended")
    if reader.query is None:
        return layers.normalized(graph, layers.total(graph, states, found), reader.norm, name=f"{name}.norm")
    normal = layers.normalized(graph, found, reader.norm, name=f"{name}.norm")
    return graph.add("Squeeze", normal, graph.integers(1))


def _projected(graph: Graph, states: str, weight: Tensor, bias: Tensor, *, name: str) -> str:
    product = graph.add("MatMul", states, graph.weight(layers.array(weight).T, f"{name}.weight"))
    return graph.add("Add", product, graph.weight(layers.array(bias), f"{name}.bias"))
