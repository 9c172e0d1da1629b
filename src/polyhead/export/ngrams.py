"""The linear model of n-grams as operators; `BagOfNgrams` says what they compute."""

import numpy as np
from onnx import TensorProto
from torch import Tensor

from polyhead.export import layers
from polyhead.export.graph import Graph
from polyhead.model.ngrams import PAIRS, SPREAD, BagOfNgrams
from polyhead.runtime.names import TOKENS


def ngram_logits(graph: Graph, bag: BagOfNgrams) -> dict[str, str]:
    """Append what n-grams say of each text.

    Returns:
        By task, the name of logits of shape `(batch, outputs)`.
    """
    real = layers.float_mask(graph)
    forms = graph.add("Gather", graph.weight(bag.lowered.numpy(force=True), "ngrams.lowered"), TOKENS)
    # A last token is followed by what padding holds, and that pair counts for nothing.
    both = graph.add("Mul", real, _shifted(graph, real, graph.number(0.0)))
    first = graph.add("Mul", forms, graph.whole(SPREAD))
    pairs = graph.add("Mod", graph.add("Add", first, _shifted(graph, forms, graph.whole(0))), graph.whole(PAIRS))
    tokens = _summed(graph, (bag.tokens, bag.token_squares), TOKENS, real, name="ngrams.tokens")
    logits = graph.add("Add", tokens, _summed(graph, (bag.pairs, bag.pair_squares), pairs, both, name="ngrams.pairs"))
    logits = graph.add("Add", logits, graph.weight(layers.array(bag.bias), "ngrams.bias"))
    columns = {name: bag.columns(name) for name in bag.outputs}
    return {
        name: graph.add("Slice", logits, graph.integers(of.start), graph.integers(of.stop), graph.integers(1))
        for name, of in columns.items()
    }


def _shifted(graph: Graph, values: str, filler: str) -> str:
    """Append a move of each row by one place to the left."""
    pads = graph.integers(0, 0, 0, 1)
    padded = graph.add("Pad", values, pads, filler)
    return graph.add("Slice", padded, graph.integers(1), graph.integers(np.iinfo(np.int64).max), graph.integers(1))


def _summed(graph: Graph, tables: tuple[Tensor, Tensor], places: str, weights: str, *, name: str) -> str:
    table, squares = tables
    shares = graph.add("Div", weights, _occurrences(graph, places, weights))
    rows = graph.add(
        "MatMul", graph.add("Unsqueeze", shares, graph.integers(1)), layers.embedded(graph, table, places, name=name)
    )
    counted = graph.add("Mul", shares, layers.embedded(graph, squares, places, name=f"{name}.squares"))
    length = graph.add("Sqrt", graph.add("ReduceSum", counted, graph.integers(1)))
    length = graph.add("Max", length, graph.number(float(np.finfo(np.float32).tiny)))
    return graph.add("Div", graph.add("Squeeze", rows, graph.integers(1)), length)


def _occurrences(graph: Graph, places: str, weights: str) -> str:
    """Append a count of how often each place occurs in its text, at least 1, shape `(batch, tokens)`."""
    columns, rows = (graph.add("Unsqueeze", places, graph.integers(axis)) for axis in (2, 1))
    same = graph.add("Cast", graph.add("Equal", columns, rows), attributes={"to": TensorProto.FLOAT})
    counts = graph.add("MatMul", same, graph.add("Unsqueeze", weights, graph.integers(2)))
    return graph.add("Max", graph.add("Squeeze", counts, graph.integers(2)), graph.number(1.0))
