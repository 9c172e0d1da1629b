"""From token states to what is asked: pooling, projection and heads as operators."""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto
from torch import nn

from polyhead.export import layers
from polyhead.export.graph import Graph
from polyhead.export.ngrams import ngram_logits
from polyhead.export.readers import read_by
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.pooling import AttentionPooling
from polyhead.runtime.names import EMBEDDING, FURTHER_STATES, TOKEN_STATES, logits_name, rows_name
from polyhead.sharing._attention import AttentionBranches
from polyhead.tasks.base import HeadTask

ALL_ROWS = 2**31 - 1


def pooled(graph: Graph, states: str, pooling: nn.Module) -> str | None:
    """Append a pooling; nothing when this graph does not know it.

    Returns:
        The name of states of shape `(batch, width)`.
    """
    if isinstance(pooling, AttentionPooling):
        return _attention(graph, states, pooling)
    known = POOLINGS.get(str(getattr(pooling, "kind", "")))
    return None if known is None else known(graph, states)


def layered(graph: Graph, states: str, module: nn.Module, *, name: str) -> str | None:
    """Append a head made of linear layers and activations; nothing when a part of it is not known."""
    if isinstance(module, nn.Sequential):
        for number, part in enumerate(module):
            after = layered(graph, states, part, name=f"{name}.{number}")
            if after is None:
                return None
            states = after
        return states
    if isinstance(module, nn.Dropout | nn.Identity):
        return states
    if isinstance(module, nn.Linear):
        return layers.linear(graph, states, module, name=name)
    return graph.add("Relu", states) if isinstance(module, nn.ReLU) else None


def append_outputs(graph: Graph, model: MultiTaskModel, states: Mapping[str, str]) -> bool:
    """Append all that follows the encoder, and name the results; false when a part is not known.

    Args:
        graph: the graph.
        model: the model.
        states: the token states that each task reads, and under `""` those that the embedding is pooled from.
    """
    embeddings = {of: _embedding(graph, model, of) for of in dict.fromkeys(states.values())}
    embedding = embeddings[states[""]]
    if embedding is None:
        return False
    said = {} if model.ngrams is None else ngram_logits(graph, model.ngrams)
    shapes: dict[str, list[str | int]] = {"text": ["batch"], "words": ["batch", "tokens"]}
    for name, task in model.tasks.items():
        if not isinstance(task, HeadTask):
            continue
        # A head whose rows are cut off costs nothing; to read all of them costs a copy.
        end = graph.option(rows_name(name), ALL_ROWS)
        read = _read(graph, model, name, sources=(states[name], embeddings[states[name]] or ""), end=end)
        logits = layered(graph, read, model.head(name), name=f"heads.{name}")
        if logits is None:
            return False
        if name in said:
            logits = graph.add("Add", logits, graph.add("Slice", said[name], graph.integers(0), end, graph.integers(0)))
        graph.output(logits, logits_name(name), [*shapes[task.level], task.head_outputs])
    graph.output(states[""], TOKEN_STATES, ["batch", "tokens", model.width])
    graph.output(embedding, EMBEDDING, ["batch", model.embedding_width])
    for number, further in enumerate(of for of in embeddings if of != states[""]):
        graph.rename(further, f"{FURTHER_STATES}{number}")
    return True


def _embedding(graph: Graph, model: MultiTaskModel, states: str) -> str | None:
    embedding = pooled(graph, states, model.pooling)
    if embedding is None or model.projection is None:
        return embedding
    return layers.linear(graph, embedding, model.projection, name="projection")


def _read(graph: Graph, model: MultiTaskModel, task: str, *, sources: tuple[str, str], end: str) -> str:
    """Append what a task's head reads of the first rows, from token states or from the embedding."""
    states, embedding = sources
    branches = model.branches
    if isinstance(branches, AttentionBranches):
        first = graph.add("Slice", states, graph.integers(0), end, graph.integers(0))
        mask = graph.add("Slice", layers.key_mask(graph), graph.integers(0), end, graph.integers(0))
        return read_by(graph, first, branches.reader(task), mask=mask, name=f"readers.{task}")
    source = embedding if model.tasks[task].level == "text" else states
    return graph.add("Slice", source, graph.integers(0), end, graph.integers(0))


def _mean(graph: Graph, states: str) -> str:
    # One product with weights that are zero at padding reads the states once.
    mask = layers.float_mask(graph)
    count = graph.add("ReduceSum", mask, graph.integers(1))
    return _weighted(graph, states, graph.add("Div", mask, count))


def _first(graph: Graph, states: str) -> str:
    return graph.add("Gather", states, graph.whole(0), attributes={"axis": 1})


def _last(graph: Graph, states: str) -> str:
    count = graph.add("ReduceSum", "attention_mask", graph.integers(1))
    last = graph.add("Sub", count, graph.whole(1))
    return graph.add("GatherND", states, last, attributes={"batch_dims": 1})


def _maximum(graph: Graph, states: str) -> str:
    visible = graph.add("Unsqueeze", _visible(graph), graph.integers(2))
    lowest = graph.weight(np.array(-np.inf, dtype=np.float32), "lowest")
    kept = graph.add("Where", visible, states, lowest)
    return graph.add("ReduceMax", kept, graph.integers(1), attributes={"keepdims": 0})


def _attention(graph: Graph, states: str, pooling: AttentionPooling) -> str:
    query = graph.weight(layers.array(pooling.query)[:, None], "pooling.query")
    scores = graph.add("Squeeze", graph.add("MatMul", states, query), graph.integers(2))
    lowest = graph.weight(np.array(-np.inf, dtype=np.float32), "lowest")
    scores = graph.add("Where", _visible(graph), scores, lowest)
    return _weighted(graph, states, graph.add("Softmax", scores, attributes={"axis": 1}))


def _weighted(graph: Graph, states: str, weights: str) -> str:
    summed = graph.add("MatMul", graph.add("Unsqueeze", weights, graph.integers(1)), states)
    return graph.add("Squeeze", summed, graph.integers(1))


def _visible(graph: Graph) -> str:
    return graph.add("Cast", "attention_mask", attributes={"to": TensorProto.BOOL})


POOLINGS = {"mean": _mean, "cls": _first, "last": _last, "max": _maximum}
