from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest

from polyhead.errors import FolderError
from polyhead.export.graph import Graph
from polyhead.text.tokens import TokenBatch

openvino = pytest.importorskip("openvino", reason="an extra")

from polyhead.runtime.openvino import OpenVinoEngine  # noqa: E402  absent where its extra is


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
    made.output(made.add("Abs", states), "token_states", ["batch", "tokens"])
    made.output(states, "sentence_embedding", ["batch", "tokens"])
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "model.onnx"
    file.write_bytes(graph().model().SerializeToString())
    return file


@pytest.fixture
def engine(path: Path) -> OpenVinoEngine:
    return OpenVinoEngine(path)


def test_a_graph_gives_logits_by_task_and_the_embedding(engine: OpenVinoEngine) -> None:
    outputs = engine.run(batch_of([[1, 2], [3, 0]]), ["whole", "without a head"])
    assert outputs.embedding.tolist() == [[1.0, 2.0], [3.0, 0.0]]
    assert list(outputs.logits) == ["whole"]
    assert outputs.logits["whole"].tolist() == [[-1.0, -2.0], [-3.0, 0.0]]
    assert outputs.embedding.dtype == np.float32


def test_heads_that_nobody_asked_for_are_not_computed(engine: OpenVinoEngine) -> None:
    assert engine.run(batch_of([[1, 2]]), ()).logits == {}
    assert list(engine.run(batch_of([[1, 2]]), ["whole"]).logits) == ["whole"]
    with pytest.raises(RuntimeError):
        engine.run(batch_of([[1, 2]]), ["broken"])
    assert engine.run(batch_of([[4, 2]]), ["whole"]).logits["whole"].tolist() == [[-4.0, -2.0]]


def test_what_a_pass_found_is_not_written_over_by_the_next(engine: OpenVinoEngine) -> None:
    first = engine.run(batch_of([[1, 2]]), ["whole"])
    engine.run(batch_of([[5, 6]]), ["whole"])
    assert first.embedding.tolist() == [[1.0, 2.0]]
    assert first.logits["whole"].tolist() == [[-1.0, -2.0]]


def test_many_threads_get_the_answers_of_their_own_texts(engine: OpenVinoEngine) -> None:
    def work(number: int) -> bool:
        outputs = engine.run(batch_of([[number, 1, number % 7 + 1]] * (number % 5 + 1)), ["whole"])
        return bool((outputs.logits["whole"][:, 0] == -number).all()) and len(outputs.embedding) == number % 5 + 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(1, 400)))


def test_a_graph_in_its_own_format_is_read_with_its_switches(path: Path, tmp_path: Path) -> None:
    into = tmp_path / "model.xml"
    openvino.save_model(openvino.Core().read_model(path), into)
    engine = OpenVinoEngine(into)
    assert engine.run(batch_of([[4, 2]]), ["whole"]).logits["whole"].tolist() == [[-4.0, -2.0]]
    with pytest.raises(RuntimeError):
        engine.run(batch_of([[1, 2]]), ["broken"])


@pytest.mark.parametrize("content", [b"", b"no graph", None])
def test_what_is_no_graph_is_told_with_its_path_and_what_to_do(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FolderError) as caught:
        OpenVinoEngine(path)
    assert str(path) in str(caught.value)
    assert "Use the engine onnx or torch" in str(caught.value)


def test_a_graph_with_an_operator_that_it_does_not_know_is_told(tmp_path: Path) -> None:
    node = onnx.helper.make_node("NoSuch", ["input_ids"], ["sentence_embedding"], domain="com.microsoft")
    ids = onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["batch", "tokens"])
    found = onnx.helper.make_tensor_value_info("sentence_embedding", onnx.TensorProto.FLOAT, ["batch", "tokens"])
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "unknown", [ids], [found]), opset_imports=opsets, ir_version=9
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FolderError, match="NoSuch"):
        OpenVinoEngine(path)
