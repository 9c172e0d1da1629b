from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from polyhead.errors import FolderError
from polyhead.export.graph import Graph
from polyhead.runtime.session import OnnxEngine, open_session
from polyhead.text.tokens import TokenBatch


def batch_of(ids: list[list[int]]) -> TokenBatch:
    array = np.array(ids)
    return TokenBatch(
        texts=("",) * len(ids), ids=array, mask=array > 0, words=None, borders=None, truncated=array[:, 0] < 0
    )


def graph() -> Graph:
    """Give the ids as the embedding, and as the logits of `whole`; those of `broken` cannot be computed for any row."""
    made = Graph()
    states = made.add("Cast", "input_ids", attributes={"to": onnx.TensorProto.FLOAT})
    made.output(made.add("Neg", states), "whole.logits", ["batch", "tokens"])
    rows = made.option("broken.rows", 1000)
    read = made.add("Slice", states, made.integers(0), rows, made.integers(0))
    made.output(made.add("Reshape", read, made.integers(0, 1000)), "broken.logits", ["batch", "tokens"])
    made.output(states, "sentence_embedding", ["batch", "tokens"])
    return made


@pytest.fixture
def engine() -> OnnxEngine:
    return OnnxEngine(graph().model().SerializeToString())


def test_a_graph_gives_logits_by_task_and_the_embedding(engine: OnnxEngine) -> None:
    outputs = engine.run(batch_of([[1, 2], [3, 0]]), ["whole"])
    assert outputs.embedding.tolist() == [[1.0, 2.0], [3.0, 0.0]]
    assert outputs.logits["whole"].tolist() == [[-1.0, -2.0], [-3.0, 0.0]]
    assert outputs.embedding.dtype == np.float32


def test_heads_that_nobody_asked_for_are_not_computed(engine: OnnxEngine) -> None:
    assert engine.run(batch_of([[1, 2]]), ()).logits == {}
    assert list(engine.run(batch_of([[1, 2]]), ["whole"]).logits) == ["whole"]
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail):
        engine.run(batch_of([[1, 2]]), ["broken"])


def test_a_graph_is_read_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(graph().model().SerializeToString())
    assert OnnxEngine(path).run(batch_of([[4]]), ["whole"]).logits["whole"].tolist() == [[-4.0]]


@pytest.mark.parametrize("content", [b"", b"no graph", None])
def test_what_is_no_graph_is_told_with_its_path_and_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FolderError) as caught:
        OnnxEngine(path)
    assert str(path) in str(caught.value)
    assert "Export the model again" in str(caught.value)


def test_a_session_has_one_thread_and_never_spins() -> None:
    options = open_session(graph().model().SerializeToString()).get_session_options()
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
