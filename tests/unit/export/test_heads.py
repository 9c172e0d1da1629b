from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch

from polyhead.export.build import built_graph
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import open_session

Make = Callable[..., MultiTaskModel]
Difference = Callable[[MultiTaskModel, onnx.ModelProto], float]


@pytest.mark.parametrize("projection", [None, 24])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last", "max", "attention"])
def test_every_pooling_and_the_projection_are_those_of_the_model(
    make_model: Make, difference: Difference, pooling: str, projection: int | None
) -> None:
    model = make_model("bert", pooling, projection=projection)
    graph = built_graph(model)
    assert graph is not None
    assert difference(model, graph) < 1e-4


@pytest.mark.parametrize("pooling", ["mean", "last", "max", "attention"])
def test_padding_never_enters_the_embedding(make_model: Make, pooling: str) -> None:
    graph = built_graph(make_model("bert", pooling))
    assert graph is not None
    session = open_session(graph.SerializeToString())
    ids = np.array([[2, 9, 8, 3]])

    def embedding(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": mask})[0])

    padded = np.pad(ids, ((0, 0), (0, 3)))
    mask = (np.arange(7) < 4).astype(np.int64)[None]
    np.testing.assert_allclose(embedding(padded, mask), embedding(ids, np.ones_like(ids)), atol=1e-5)


def test_a_task_may_bear_the_name_of_an_operator_or_of_another_output(make_model: Make) -> None:
    model = make_model()
    for name in ("sentence_embedding", "token_states", "Add", "input_ids"):
        model.tasks[name] = model.tasks["add"]
        model.heads[f"task_{name}"] = torch.nn.Sequential(torch.nn.Linear(32, 3))
    graph = built_graph(model)
    assert graph is not None
    names = {output.name for output in graph.graph.output}
    assert {"sentence_embedding", "sentence_embedding.logits", "Add.logits", "input_ids.logits"} <= names
    open_session(graph.SerializeToString())


@pytest.mark.parametrize(("task", "other"), [("add", "names"), ("names", "add")])
def test_a_head_for_no_rows_leaves_all_else_as_it_is(make_model: Make, task: str, other: str) -> None:
    graph = built_graph(make_model())
    assert graph is not None
    session = open_session(graph.SerializeToString())
    ids = np.arange(4, 24).reshape(2, 10)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    names = [f"{task}.logits", f"{other}.logits", "sentence_embedding"]
    whole = [np.asarray(value) for value in session.run(names, feeds)]
    cut = [np.asarray(value) for value in session.run(names, {**feeds, f"{task}.rows": np.array([0])})]
    assert cut[0].shape[0] == 0
    np.testing.assert_array_equal(cut[1], whole[1])
    np.testing.assert_array_equal(cut[2], whole[2])
    assert {option.name for option in session.get_overridable_initializers()} == {"add.rows", "names.rows"}
    assert {value.name for value in session.get_inputs()} == {"input_ids", "attention_mask"}
