"""The parts that encoders and heads are made of, from torch modules to operators."""

from collections.abc import Mapping
from types import MappingProxyType

from onnx import TensorProto
from torch import Tensor, nn

from polyhead.export.graph import Array, Graph
from polyhead.export.layout import Layout, token_count
from polyhead.runtime.names import TOKENS

EXCLUDED = -1e30
"""Added to the score of a token that may not be seen: far below every score, and finite so that no row is empty."""

CAUSAL = ""

ACTIVATIONS: Mapping[str, str] = MappingProxyType(
    {"gelu": "Gelu", "gelu_new": "FastGelu", "gelu_pytorch_tanh": "FastGelu", "relu": "Relu", "tanh": "Tanh"}
)
"""Activations by their names in transformers; both named FastGelu are the same tanh formula."""


def array(tensor: Tensor) -> Array:
    """Return the values of a tensor as float32."""
    return tensor.detach().float().cpu().numpy()


def linear(graph: Graph, states: str, layer: nn.Linear, *, name: str) -> str:
    """Append a linear layer; the bias is an operator of its own, which int8 takes into the product."""
    product = graph.add("MatMul", states, graph.weight(array(layer.weight).T, f"{name}.weight"))
    # torch declares the bias as always there.
    bias: Tensor | None = getattr(layer, "bias", None)
    return product if bias is None else graph.add("Add", product, graph.weight(array(bias), f"{name}.bias"))


def normalized(graph: Graph, states: str, layer: nn.LayerNorm, *, name: str) -> str:
    """Append a layer normalisation over the width."""
    weights = graph.weight(array(layer.weight), f"{name}.weight"), graph.weight(array(layer.bias), f"{name}.bias")
    return graph.add("LayerNormalization", states, *weights, attributes={"epsilon": layer.eps, "axis": -1})


def total(graph: Graph, *states: str) -> str:
    """Add states.

    It is Sum and not Add because onnxruntime replaces an Add before a layer normalisation by its
    SkipLayerNormalization, whose loop takes five times as long as the two.
    """
    return graph.add("Sum", *states)


def embedded(graph: Graph, table: Tensor, ids: str, *, name: str) -> str:
    """Append a look-up of rows."""
    return graph.add("Gather", graph.weight(array(table), name), ids)


def type_states(layout: Layout, table: Tensor, separator: int | None) -> str:
    """Append the embeddings of first and second texts, packed; without a separator there are only first ones.

    A second text is told by the separator before it, as `MultiTaskModel` does.
    """
    graph = layout.graph
    if separator is None:
        return graph.weight(array(table[0]), "encoder.type")
    is_separator = graph.add("Equal", TOKENS, graph.whole(separator))
    is_separator = graph.add("Cast", is_separator, attributes={"to": TensorProto.INT64})
    before = graph.add("CumSum", is_separator, graph.whole(1), attributes={"exclusive": 1})
    which = layout.pack_numbers(graph.add("Min", before, graph.whole(1)))
    return embedded(graph, table, which, name="encoder.types")


def position_states(layout: Layout, table: Tensor) -> str:
    """Append the embeddings of the positions 0, 1, 2, …, packed."""
    graph = layout.graph
    # Cut to the longest text first, the table is no constant, and int8 leaves it alone: its look-up is not worth more.
    rows = graph.weight(array(table), "encoder.positions")
    rows = graph.add("Slice", rows, graph.integers(0), token_count(graph), graph.integers(0))
    return graph.add("Gather", rows, layout.positions())


def float_mask(graph: Graph) -> str:
    """Return the mask as 1 and 0, shape `(batch, tokens)`."""
    return graph.add("Cast", "attention_mask", attributes={"to": TensorProto.FLOAT})


def key_mask(graph: Graph) -> str:
    """Return the mask as attention takes it."""
    return graph.add("Cast", "attention_mask", attributes={"to": TensorProto.INT32})


def attended(
    graph: Graph,
    states: tuple[str, str, str],
    *,
    heads: int,
    scale: float | None = None,
    mask: str,
    bias: str = "",
) -> str:
    """Append attention in many heads.

    Args:
        graph: the graph.
        states: queries, keys and values, each of shape `(batch, tokens, width)`.
        heads: how many heads share the width.
        scale: what products are multiplied by; one over the root of a head's width when absent.
        mask: 1 at tokens and 0 at padding, shape `(batch, tokens)`; or `CAUSAL`, and a token sees only itself and
            those before, among which is no padding.
        bias: added to the scores, shape `(1 or batch, 1 or heads, tokens, tokens)`.
    """
    attributes: dict[str, float] = {
        "num_heads": heads,
        "mask_filter_value": EXCLUDED,
        "unidirectional": int(mask == CAUSAL),
    }
    if scale is not None:
        attributes["scale"] = scale
    inputs = [*states, "", mask, bias]
    while not inputs[-1]:
        inputs.pop()
    return graph.add("MultiHeadAttention", *inputs, attributes=attributes)


def distances(graph: Graph) -> str:
    """Return how far each query stands behind each key, shape `(tokens, tokens)`; negative before it."""
    rows = positions(graph)
    return graph.add("Sub", graph.add("Unsqueeze", rows, graph.integers(1)), rows)


def positions(graph: Graph) -> str:
    """Return 0, 1, 2, … for the tokens of a row."""
    count = graph.add("Squeeze", token_count(graph))
    return graph.add("Range", graph.whole(0), count, graph.whole(1))
