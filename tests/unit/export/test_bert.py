from collections.abc import Callable

import numpy as np
import pytest
import torch

from polyhead.export.bert import bert_states
from polyhead.export.build import built_graph
from polyhead.export.graph import Graph
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import open_session

Make = Callable[..., MultiTaskModel]


def tokens(model: MultiTaskModel, ids: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the token states of a graph and of its model."""
    graph = built_graph(model)
    assert graph is not None
    array = np.array(ids)
    mask = np.ones_like(array)
    (found,) = open_session(graph.SerializeToString()).run(
        ["token_states"], {"input_ids": array, "attention_mask": mask}
    )
    with torch.inference_mode():
        outputs = model({"input_ids": torch.tensor(array), "attention_mask": torch.tensor(mask)})
    return np.asarray(found), outputs.tokens.numpy()


def test_a_second_text_is_told_by_the_separator_before_it(make_model: Make) -> None:
    found, expected = tokens(make_model(), [[2, 9, 8, 3, 10, 11, 3]])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    model = make_model()
    model.separator = None
    first_texts_only, _ = tokens(model, [[2, 9, 8, 3, 10, 11, 3]])
    assert np.abs(found - first_texts_only).max() > 1e-3


def test_roberta_gives_padding_inside_a_row_no_position(make_model: Make) -> None:
    found, expected = tokens(make_model("roberta"), [[2, 9, 1, 10, 11, 1, 3]])
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "tanh"])
def test_every_activation_that_is_known_is_the_one_of_transformers(make_model: Make, activation: str) -> None:
    from transformers.activations import ACT2FN

    model = make_model()
    model.encoder.config.hidden_act = activation
    for layer in model.encoder.encoder.layer:
        layer.intermediate.intermediate_act_fn = ACT2FN[activation]
    found, expected = tokens(model, [[2, 9, 8, 7, 3]])
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_no_addition_stands_before_a_normalisation(make_model: Make) -> None:
    """Runtimes would fuse the two to an operator that is five times slower."""
    graph = Graph()
    assert bert_states(graph, make_model().encoder, None)
    nodes = graph.model().graph.node
    made_by = {output: node.op_type for node in nodes for output in node.output}
    assert {made_by[node.input[0]] for node in nodes if node.op_type == "LayerNormalization"} == {"Sum"}
