from collections.abc import Callable

import numpy as np
import onnx
import pytest

from polyhead.export.build import built_graph
from polyhead.export.graph import Graph
from polyhead.export.layout import laid_out
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import open_session

IDS = np.array([[5, 6, 7, 0], [8, 0, 0, 0], [9, 4, 3, 2]])
MASK = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]])


def as_float(graph: Graph, value: str, name: str) -> None:
    graph.output(graph.add("Cast", value, attributes={"to": onnx.TensorProto.FLOAT}), name, ["real"])


def run(graph: onnx.ModelProto, names: list[str], ids: np.ndarray = IDS) -> list[np.ndarray]:
    session = open_session(graph.SerializeToString())
    return [np.asarray(value) for value in session.run(names, {"input_ids": ids, "attention_mask": MASK})]


def test_the_real_tokens_stand_one_after_another_and_know_their_places() -> None:
    graph = Graph()
    layout = laid_out(graph)
    as_float(graph, layout.ids(), "ids")
    as_float(graph, layout.positions(), "positions")
    ids, positions = run(graph.model(), ["ids", "positions"])
    assert ids.tolist() == [5, 6, 7, 8, 9, 4, 3, 2]
    assert positions.tolist() == [0, 1, 2, 0, 0, 1, 2, 3]


def test_what_is_packed_and_spread_again_is_the_same_at_real_tokens() -> None:
    graph = Graph()
    layout = laid_out(graph)
    table = graph.weight(np.arange(30, dtype=np.float32).reshape(10, 3), "table")
    states = layout.spread(graph.add("Gather", table, layout.ids()))
    graph.output(layout.spread(layout.pack(states)), "twice", ["batch", "tokens", 3])
    (twice,) = run(graph.model(), ["twice"])
    assert twice.shape == (3, 4, 3)
    assert (twice[MASK == 1] == np.arange(30).reshape(10, 3)[IDS[MASK == 1]]).all()


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra", "gpt_neo", "deberta"])
def test_no_layer_multiplies_padding(make_model: Callable[..., MultiTaskModel], family: str) -> None:
    graph = built_graph(make_model(family))
    assert graph is not None
    layers = _products(graph)
    graph.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in layers)
    assert layers
    assert {found.shape[0] for found in run(graph, layers)} == {MASK.sum()}


@pytest.mark.parametrize("family", ["bert", "gpt_neo", "deberta"])
def test_what_stands_at_padding_changes_nothing(make_model: Callable[..., MultiTaskModel], family: str) -> None:
    graph = built_graph(make_model(family))
    assert graph is not None
    names = ["sentence_embedding", "add.logits"]
    other = np.where(MASK == 1, IDS, 11)
    for left, right in zip(run(graph, names), run(graph, names, other), strict=True):
        assert (left == right).all()


def _products(graph: onnx.ModelProto) -> list[str]:
    constants = {weights.name: weights for weights in graph.graph.initializer}
    return [
        node.output[0]
        for node in graph.graph.node
        if node.op_type == "MatMul" and node.input[1].startswith("encoder") and len(constants[node.input[1]].dims) == 2
    ]
