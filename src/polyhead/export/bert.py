"""Graphs of encoders in the shape of BERT: attention, then a feed-forward pair, each normalised after it is added."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from polyhead.export import layers
from polyhead.export.graph import Graph
from polyhead.export.layout import Layout, laid_out
from polyhead.runtime.names import TOKENS


@dataclass(frozen=True, slots=True)
class Layer:
    """The parts of one layer, whatever the model calls them."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    attended: nn.Linear
    attention_norm: nn.LayerNorm
    widen: nn.Linear
    narrow: nn.Linear
    norm: nn.LayerNorm


def bert_states(graph: Graph, encoder: PreTrainedModel, separator: int | None) -> str | None:
    """Append BERT or ELECTRA, whose embeddings may be narrower than its layers.

    Args:
        graph: the graph.
        encoder: the encoder.
        separator: the token before a second text; absent when the encoder does not tell it from a first one.

    Returns:
        The name of the token states; nothing when the model has a part that this graph does not know.
    """
    parts: Any = encoder.embeddings
    settings = encoder.config
    if not _is_plain(settings):
        return None
    layout = laid_out(graph)
    words = layers.embedded(graph, parts.word_embeddings.weight, layout.ids(), name="encoder.words")
    types = layers.type_states(layout, parts.token_type_embeddings.weight, separator)
    positions = layers.position_states(layout, parts.position_embeddings.weight)
    states = layers.total(graph, words, positions, types)
    states = layers.normalized(graph, states, parts.LayerNorm, name="encoder.embeddings.norm")
    widened: Any = getattr(encoder, "embeddings_project", None)
    if widened is not None:
        states = layers.linear(graph, states, widened, name="encoder.embeddings.widen")
    return _layers(layout, states, encoder, _bert_layers(encoder), activation=settings.hidden_act)


def roberta_states(graph: Graph, encoder: PreTrainedModel, separator: int | None) -> str | None:
    """Append RoBERTa, XLM-RoBERTa or CamemBERT, which count positions from the one after their padding."""
    parts: Any = encoder.embeddings
    settings = encoder.config
    if not _is_plain(settings):
        return None
    layout = laid_out(graph)
    padding = graph.whole(int(parts.padding_idx))
    real = graph.add("Cast", graph.add("Not", graph.add("Equal", TOKENS, padding)), attributes={"to": 7})
    places = graph.add("Mul", graph.add("CumSum", real, graph.whole(1)), real)
    places = layout.pack_numbers(graph.add("Add", places, padding))
    positions = layers.embedded(graph, parts.position_embeddings.weight, places, name="encoder.positions")
    words = layers.embedded(graph, parts.word_embeddings.weight, layout.ids(), name="encoder.words")
    types = layers.type_states(layout, parts.token_type_embeddings.weight, separator)
    states = layers.total(graph, words, positions, types)
    states = layers.normalized(graph, states, parts.LayerNorm, name="encoder.embeddings.norm")
    return _layers(layout, states, encoder, _bert_layers(encoder), activation=settings.hidden_act)


def distilbert_states(graph: Graph, encoder: PreTrainedModel, separator: int | None) -> str | None:  # noqa: ARG001
    """Append DistilBERT, which does not tell second texts from first ones."""
    parts: Any = encoder.embeddings
    if encoder.config.activation not in layers.ACTIVATIONS:
        return None
    layout = laid_out(graph)
    words = layers.embedded(graph, parts.word_embeddings.weight, layout.ids(), name="encoder.words")
    states = layers.total(graph, words, layers.position_states(layout, parts.position_embeddings.weight))
    states = layers.normalized(graph, states, parts.LayerNorm, name="encoder.embeddings.norm")
    return _layers(layout, states, encoder, _distilbert_layers(encoder), activation=encoder.config.activation)


def _is_plain(settings: Any) -> bool:  # noqa: ANN401  a configuration of transformers
    absolute = getattr(settings, "position_embedding_type", "absolute") == "absolute"
    return absolute and not getattr(settings, "is_decoder", False) and settings.hidden_act in layers.ACTIVATIONS


def _bert_layers(encoder: Any) -> Iterator[Layer]:  # noqa: ANN401  the models have no common type
    for layer in encoder.encoder.layer:
        attention, after = layer.attention.self, layer.attention.output
        yield Layer(
            attention.query,
            attention.key,
            attention.value,
            after.dense,
            after.LayerNorm,
            layer.intermediate.dense,
            layer.output.dense,
            layer.output.LayerNorm,
        )


def _distilbert_layers(encoder: Any) -> Iterator[Layer]:  # noqa: ANN401  the models have no common type
    for layer in encoder.transformer.layer:
        attention = layer.attention
        yield Layer(
            attention.q_lin,
            attention.k_lin,
            attention.v_lin,
            attention.out_lin,
            layer.sa_layer_norm,
            layer.ffn.lin1,
            layer.ffn.lin2,
            layer.output_layer_norm,
        )


def _layers(layout: Layout, states: str, encoder: PreTrainedModel, parts: Iterator[Layer], *, activation: str) -> str:
    graph = layout.graph
    mask = layers.key_mask(graph)
    for number, layer in enumerate(parts):
        name = f"encoder.{number}"
        query = layout.spread(layers.linear(graph, states, layer.query, name=f"{name}.query"))
        key = layout.spread(layers.linear(graph, states, layer.key, name=f"{name}.key"))
        value = layout.spread(layers.linear(graph, states, layer.value, name=f"{name}.value"))
        seen = layers.attended(graph, (query, key, value), heads=encoder.config.num_attention_heads, mask=mask)
        seen = layers.linear(graph, layout.pack(seen), layer.attended, name=f"{name}.attended")
        states = layers.total(graph, states, seen)
        states = layers.normalized(graph, states, layer.attention_norm, name=f"{name}.attention_norm")
        wide = layers.linear(graph, states, layer.widen, name=f"{name}.widen")
        narrow = graph.add(layers.ACTIVATIONS[activation], wide)
        narrow = layers.linear(graph, narrow, layer.narrow, name=f"{name}.narrow")
        states = layers.normalized(graph, layers.total(graph, states, narrow), layer.norm, name=f"{name}.norm")
    return layout.spread(states)
