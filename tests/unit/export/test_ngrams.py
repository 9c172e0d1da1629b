from collections.abc import Callable

import onnx
import pytest
import torch

from polyhead.export.build import built_graph
from polyhead.export.int8 import quantized
from polyhead.export.traced import traced_graph
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.ngrams import BagOfNgrams

Make = Callable[..., MultiTaskModel]
Difference = Callable[[MultiTaskModel, onnx.ModelProto], float]


@pytest.fixture
def model(make_model: Make) -> MultiTaskModel:
    """A model whose n-grams matter more than its network."""
    found = make_model("deberta")
    bag = BagOfNgrams({"add": 3}, vocabulary=100)
    generator = torch.Generator().manual_seed(0)
    for name, buffer in bag.named_buffers():
        if name.endswith("squares"):
            buffer.uniform_(0.5, 4.0, generator=generator)
        elif name != "lowered":
            buffer.normal_(std=5.0, generator=generator)
    bag.lowered[50:60] = torch.arange(40, 50)
    found.ngrams = bag
    return found


def test_the_graph_adds_them_as_the_model_does(model: MultiTaskModel, difference: Difference) -> None:
    graph = built_graph(model)
    assert graph is not None
    assert difference(model, graph) < 1e-4
    model.ngrams = None
    assert difference(model, graph) > 1.0


def test_a_traced_graph_does_so_too(model: MultiTaskModel, difference: Difference) -> None:
    assert difference(model, traced_graph(model)) < 1e-4


def test_their_tables_stay_in_float32(model: MultiTaskModel) -> None:
    graph = built_graph(model)
    assert graph is not None
    kept = {weights.name: weights.data_type for weights in quantized(graph).graph.initializer}
    assert kept["ngrams.tokens"] == kept["ngrams.pairs"] == onnx.TensorProto.FLOAT
