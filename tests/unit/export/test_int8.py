from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from polyhead.export import int8
from polyhead.export.build import built_graph
from polyhead.export.graph import Graph
from polyhead.export.int8 import by_channel, products, quantized
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import open_session

Make = Callable[..., MultiTaskModel]


@pytest.fixture(autouse=True)
def _every_matrix_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models of these tests are smaller than what is worth a conversion."""
    monkeypatch.setattr(int8, "LEAST_WEIGHTS", 64)


@pytest.fixture
def graph(make_model: Make) -> onnx.ModelProto:
    built = built_graph(make_model())
    assert built is not None
    return built


def states(graph: onnx.ModelProto, ids: np.ndarray) -> np.ndarray:
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    return np.asarray(open_session(graph.SerializeToString()).run(["token_states"], feeds)[0])


def test_all_products_of_the_encoder_are_found_and_none_of_the_heads(graph: onnx.ModelProto) -> None:
    names = [product.weights for product in products(graph)]
    assert len(names) == 2 * 6
    assert all(name.startswith("encoder.") for name in names)


def test_the_token_states_stay_close(graph: onnx.ModelProto) -> None:
    ids = np.arange(4, 44).reshape(2, 20)
    exact, rounded = states(graph, ids), states(quantized(graph), ids)
    cosine = (exact * rounded).sum() / np.linalg.norm(exact) / np.linalg.norm(rounded)
    assert cosine > 0.999
    assert not np.array_equal(exact, rounded)


def test_queries_keys_and_values_share_one_conversion_of_their_states(graph: onnx.ModelProto) -> None:
    operators = Counter(node.op_type for node in quantized(graph).graph.node)
    assert operators["MatMulIntegerToFloat"] == 12
    assert operators["DynamicQuantizeLinear"] == 2 * 4


def test_the_bias_is_added_by_the_product_itself(graph: onnx.ModelProto) -> None:
    nodes = [node for node in quantized(graph).graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert all(node.input[6].endswith(".bias") for node in nodes)
    before, after = (Counter(node.op_type for node in each.graph.node)["Add"] for each in (graph, quantized(graph)))
    assert before - after == 12


def test_weights_that_are_kept_stay_as_they_are(graph: onnx.ModelProto) -> None:
    kept = [product.weights for product in products(graph)][:5]
    converted = quantized(graph, kept=kept)
    stored = {weights.name for weights in converted.graph.initializer}
    assert set(kept) <= stored
    assert Counter(node.op_type for node in converted.graph.node)["MatMulIntegerToFloat"] == 7
    everything = [*(product.weights for product in products(graph)), "encoder.words", "encoder.positions"]
    ids = np.arange(4, 24)[None]
    np.testing.assert_array_equal(states(quantized(graph, kept=everything), ids), states(graph, ids))


def test_the_graph_that_is_given_is_not_changed(graph: onnx.ModelProto) -> None:
    before = graph.SerializeToString()
    quantized(graph)
    assert graph.SerializeToString() == before


def test_the_words_take_a_byte_a_number_and_the_file_no_weights_of_float(
    graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "LEAST_WEIGHTS", 100)
    converted = quantized(graph)
    stored = {weights.name: numpy_helper.to_array(weights) for weights in converted.graph.initializer}
    assert stored["encoder.words.int8"].dtype == np.int8
    assert "encoder.words" not in stored
    assert len(converted.SerializeToString()) < 0.6 * len(graph.SerializeToString())


@pytest.mark.parametrize("family", ["gpt_neo", "deberta"])
def test_products_without_bias_and_those_of_a_convolution_are_converted(make_model: Make, family: str) -> None:
    graph = built_graph(make_model(family))
    assert graph is not None
    ids = np.arange(4, 44).reshape(2, 20)
    exact, rounded = states(graph, ids), states(quantized(graph), ids)
    assert (exact * rounded).sum() / np.linalg.norm(exact) / np.linalg.norm(rounded) > 0.99
    assert len(products(graph)) == (4 * 6 if family == "gpt_neo" else 2 * 6 + 1)


def test_rounding_by_channel_is_off_by_half_a_step_at_most(random: np.random.Generator) -> None:
    weights = random.normal(size=(40, 7)).astype(np.float32) * 10.0 ** np.arange(-3, 4, dtype=np.float32)
    weights[:, 3] = 0
    numbers, scales = by_channel(weights)
    assert numbers.dtype == np.int8
    assert np.abs(numbers).max() == 127
    assert (np.abs(numbers * scales - weights) <= scales / 2 * 1.001).all()


def test_what_the_token_states_do_not_depend_on_is_left_alone() -> None:
    graph = Graph()
    value = graph.add("Cast", "input_ids", attributes={"to": onnx.TensorProto.FLOAT})
    states = graph.add("Unsqueeze", value, graph.integers(2))
    aside = graph.add("MatMul", states, graph.weight(np.ones((1, 100), dtype=np.float32), "aside"))
    graph.output(states, "token_states", ["batch", "tokens", 1])
    graph.output(aside, "aside.logits", ["batch", "tokens", 100])
    assert products(graph.model()) == []
