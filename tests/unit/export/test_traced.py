import logging
from collections.abc import Callable

import onnx
import pytest

from polyhead.export.int8 import quantized
from polyhead.export.traced import traced_graph
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import open_session

Make = Callable[..., MultiTaskModel]
Difference = Callable[[MultiTaskModel, onnx.ModelProto], float]


@pytest.fixture(scope="module")
def made() -> dict[str, onnx.ModelProto]:
    """Tracing takes seconds, so all tests look at the same graph."""
    return {}


@pytest.fixture
def model(make_model: Make) -> MultiTaskModel:
    return make_model("modernbert", projection=24)


@pytest.fixture
def graph(made: dict[str, onnx.ModelProto], model: MultiTaskModel) -> onnx.ModelProto:
    if not made:
        made["modernbert"] = traced_graph(model)
    return made["modernbert"]


def test_a_traced_graph_gives_what_the_model_gives(
    graph: onnx.ModelProto, model: MultiTaskModel, difference: Difference
) -> None:
    assert difference(model, graph) < 1e-4


def test_its_inputs_outputs_and_axes_have_the_names_of_a_built_one(graph: onnx.ModelProto) -> None:
    def axes(value: onnx.ValueInfoProto) -> list[str | int]:
        return [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim]

    assert {value.name: axes(value) for value in graph.graph.input} == {
        "input_ids": ["batch", "tokens"],
        "attention_mask": ["batch", "tokens"],
    }
    assert {value.name: axes(value) for value in graph.graph.output} == {
        "add.logits": ["batch", 3],
        "names.logits": ["batch", "tokens", 5],
        "token_states": ["batch", "tokens", 32],
        "sentence_embedding": ["batch", 24],
    }


def test_it_can_be_converted_to_int8(graph: onnx.ModelProto) -> None:
    open_session(quantized(graph).SerializeToString())


def test_it_holds_no_operator_that_is_slower_than_what_it_stands_for(graph: onnx.ModelProto) -> None:
    operators = {node.op_type for node in graph.graph.node}
    assert "LayerNormalization" in operators
    assert not operators & {"SkipLayerNormalization", "EmbedLayerNormalization"}


def test_tracing_leaves_the_loggers_as_they_were(graph: onnx.ModelProto) -> None:
    assert graph.graph.node
    assert logging.getLogger("torch.onnx").level == logging.NOTSET
