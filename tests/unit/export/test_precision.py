from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from polyhead.export import int8
from polyhead.export.build import built_graph
from polyhead.export.int8 import products
from polyhead.export.precision import rounded_states, weakest_first
from polyhead.model.multitask import MultiTaskModel
from polyhead.text.tokens import TokenBatch

Make = Callable[..., MultiTaskModel]


@pytest.fixture
def model(make_model: Make, monkeypatch: pytest.MonkeyPatch) -> MultiTaskModel:
    monkeypatch.setattr(int8, "LEAST_WEIGHTS", 64)
    return make_model()


def batches(model: MultiTaskModel) -> list[TokenBatch]:
    texts = ["w1 w2 w3", "w4 w5 w6 w7 w8", "w9"]
    return [model.tokenizer.batch([text]) for text in model.tokenizer.tokenize(texts)]


def test_every_product_gets_a_place(model: MultiTaskModel) -> None:
    graph = built_graph(model)
    assert graph is not None
    order = weakest_first(graph, batches(model))
    assert sorted(order) == sorted(product.weights for product in products(graph))


def test_a_product_whose_states_have_an_outlier_comes_first(model: MultiTaskModel) -> None:
    graph = built_graph(model)
    assert graph is not None
    spoiled = "encoder.0.norm.weight"
    for weights in graph.graph.initializer:
        if weights.name == spoiled:
            values = numpy_helper.to_array(weights).copy()
            values[5] = 1e4
            weights.CopyFrom(numpy_helper.from_array(values, spoiled))
        if weights.name.startswith("encoder.1.") and weights.name.endswith("query.weight"):
            values = numpy_helper.to_array(weights).copy()
            values[5] = 0
            weights.CopyFrom(numpy_helper.from_array(values, weights.name))
    assert weakest_first(graph, batches(model))[0] == "encoder.1.query.weight"


def test_rounded_states_are_what_onnxruntime_rounds_them_to(random: np.random.Generator) -> None:
    from polyhead.export.graph import Graph
    from polyhead.runtime.session import open_session

    graph = Graph()
    ids = random.integers(-500, 900, size=(2, 9))
    value = graph.add("Cast", "input_ids", attributes={"to": onnx.TensorProto.FLOAT})
    names = graph.add_many("DynamicQuantizeLinear", value, names=("numbers", "scale", "zero"))
    graph.output(graph.add("DequantizeLinear", *names), "back", ["batch", "tokens"])
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    (back,) = open_session(graph.model().SerializeToString()).run(["back"], feeds)
    np.testing.assert_allclose(rounded_states(ids.astype(np.float32)), np.asarray(back), rtol=1e-5)


def test_states_that_are_all_zero_stay_zero() -> None:
    assert rounded_states(np.zeros((2, 3), dtype=np.float32)).tolist() == [[0, 0, 0], [0, 0, 0]]
