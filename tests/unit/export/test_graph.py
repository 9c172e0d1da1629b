import numpy as np
import onnx
import pytest

from polyhead.export.graph import Graph
from polyhead.runtime.session import open_session


def run(graph: Graph, *names: str) -> list[np.ndarray]:
    ids = np.array([[5, 6, 7]])
    session = open_session(graph.model().SerializeToString())
    return [np.asarray(value) for value in session.run(list(names), {"input_ids": ids, "attention_mask": ids * 0 + 1})]


def test_operators_are_chained_by_the_names_of_their_results() -> None:
    graph = Graph()
    table = graph.weight(np.arange(20, dtype=np.float32).reshape(10, 2), "table")
    rows = graph.add("Gather", table, "input_ids")
    graph.output(graph.add("Add", rows, graph.number(0.5)), "rows", ["batch", "tokens", 2])
    assert run(graph, "rows")[0].tolist() == [[[10.5, 11.5], [12.5, 13.5], [14.5, 15.5]]]


def test_a_result_that_is_read_inside_the_graph_keeps_its_readers() -> None:
    graph = Graph()
    first = graph.add("Cast", "input_ids", attributes={"to": onnx.TensorProto.FLOAT})
    second = graph.add("Neg", first)
    graph.output(first, "first", ["batch", "tokens"])
    graph.output(second, "second", ["batch", "tokens"])
    first_values, second_values = run(graph, "first", "second")
    assert first_values.tolist() == (-second_values).tolist() == [[5.0, 6.0, 7.0]]


def test_weights_of_the_same_name_are_all_kept() -> None:
    graph = Graph()
    names = {graph.weight(np.zeros(number + 1, dtype=np.float32), "w") for number in range(3)}
    assert len(names) == 3
    assert "w" in names


@pytest.mark.parametrize("method", ["whole", "number"])
def test_equal_constants_are_stored_once_and_have_no_dimensions(method: str) -> None:
    graph = Graph()
    assert getattr(graph, method)(3) == getattr(graph, method)(3)
    (stored,) = graph.model().graph.initializer
    assert list(stored.dims) == []


def test_vectors_of_whole_numbers_keep_their_order() -> None:
    graph = Graph()
    assert graph.integers(0, -1) != graph.integers(-1, 0)
    assert graph.integers(2) == graph.integers(2)


def test_operators_of_onnxruntime_are_told_from_those_of_onnx() -> None:
    graph = Graph()
    value = graph.add("Cast", "input_ids", attributes={"to": onnx.TensorProto.FLOAT})
    graph.add("FastGelu", value)
    graph.add("Relu", value)
    domains = {node.op_type: node.domain for node in graph.model().graph.node}
    assert domains == {"Cast": "", "FastGelu": "com.microsoft", "Relu": ""}
