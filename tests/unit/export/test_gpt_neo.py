from collections.abc import Callable

import numpy as np
import pytest

from polyhead.export.build import built_graph
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import open_session

Make = Callable[..., MultiTaskModel]


@pytest.fixture
def states(make_model: Make) -> Callable[[list[int]], np.ndarray]:
    graph = built_graph(make_model("gpt_neo"))
    assert graph is not None
    session = open_session(graph.SerializeToString())

    def of(ids: list[int]) -> np.ndarray:
        feeds = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}
        return np.asarray(session.run(["token_states"], feeds)[0])[0]

    return of


def test_a_token_never_sees_one_after_it(states: Callable[[list[int]], np.ndarray]) -> None:
    np.testing.assert_allclose(states([5, 6, 7, 8])[:3], states([5, 6, 7, 40])[:3], atol=1e-5)


def test_what_stands_further_back_than_the_window_is_seen_by_global_layers_only(make_model: Make) -> None:
    model = make_model("gpt_neo")
    graph = built_graph(model)
    assert graph is not None
    biased = [len(node.input) > 5 for node in graph.graph.node if node.op_type == "MultiHeadAttention"]
    assert biased == [False, True, False, True]


def test_a_window_that_no_text_exceeds_needs_no_bias(make_model: Make) -> None:
    model = make_model("gpt_neo")
    model.encoder.config.window_size = model.encoder.config.max_position_embeddings
    graph = built_graph(model)
    assert graph is not None
    assert not any(len(node.input) > 5 for node in graph.graph.node if node.op_type == "MultiHeadAttention")


def test_the_causal_masks_of_torch_are_not_stored(make_model: Make) -> None:
    model = make_model("gpt_neo")
    graph = built_graph(model)
    assert graph is not None
    parameters = 4 * sum(parameter.numel() for parameter in model.parameters())
    assert len(graph.SerializeToString()) < 1.2 * parameters
