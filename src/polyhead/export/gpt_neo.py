"""The graph of GPT-Neo: causal attention without scaling, every other layer over a window of tokens."""

from typing import Any

import numpy as np
from transformers import PreTrainedModel

from polyhead.export import layers
from polyhead.export.graph import Graph
from polyhead.export.layout import laid_out


def gpt_neo_states(graph: Graph, encoder: PreTrainedModel, separator: int | None) -> str | None:  # noqa: ARG001
    """Append GPT-Neo, which does not tell second texts from first ones.

    No token sees one after it, so padding after a text needs no mask.

    Returns:
        The name of the token states; nothing when the model has a part that this graph does not know.
    """
    model: Any = encoder
    settings = encoder.config
    if settings.activation_function not in layers.ACTIVATIONS:
        return None
    layout = laid_out(graph)
    words = layers.embedded(graph, model.wte.weight, layout.ids(), name="encoder.words")
    states = layers.total(graph, words, layers.position_states(layout, model.wpe.weight))
    window = (
        _window_bias(graph, settings.window_size) if settings.max_position_embeddings > settings.window_size else ""
    )
    for number, layer in enumerate(model.h):
        name, attention = f"encoder.{number}", layer.attn.attention
        normal = layers.normalized(graph, states, layer.ln_1, name=f"{name}.attention_norm")
        query = layout.spread(layers.linear(graph, normal, attention.q_proj, name=f"{name}.query"))
        key = layout.spread(layers.linear(graph, normal, attention.k_proj, name=f"{name}.key"))
        value = layout.spread(layers.linear(graph, normal, attention.v_proj, name=f"{name}.value"))
        bias = window if attention.attention_type == "local" else ""
        seen = layers.attended(
            graph, (query, key, value), heads=settings.num_heads, scale=1.0, mask=layers.CAUSAL, bias=bias
        )
        seen = layers.linear(graph, layout.pack(seen), attention.out_proj, name=f"{name}.attended")
        states = layers.total(graph, states, seen)
        normal = layers.normalized(graph, states, layer.ln_2, name=f"{name}.norm")
        wide = layers.linear(graph, normal, layer.mlp.c_fc, name=f"{name}.widen")
        wide = graph.add(layers.ACTIVATIONS[settings.activation_function], wide)
        states = layers.total(graph, states, layers.linear(graph, wide, layer.mlp.c_proj, name=f"{name}.narrow"))
    return layout.spread(layers.normalized(graph, states, model.ln_f, name="encoder.norm"))


def _window_bias(graph: Graph, window: int) -> str:
    """Return scores that hide what lies further back than the window, shape `(1, 1, tokens, tokens)`."""
    far = graph.add("GreaterOrEqual", layers.distances(graph), graph.whole(window))
    hidden = graph.weight(np.array(layers.EXCLUDED, dtype=np.float32), "excluded")
    bias = graph.add("Where", far, hidden, graph.number(0.0))
    return graph.add("Unsqueeze", bias, graph.integers(0, 1))
