from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from polyhead.errors import ExportError, FolderError
from polyhead.export import writing
from polyhead.export.build import FAMILIES, built_graph
from polyhead.export.parity import Parity
from polyhead.export.traced import traced_graph
from polyhead.export.writing import GraphWriter
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.session import OnnxEngine
from polyhead.sharing.base import Sharing
from polyhead.sharing.lora import LowRank
from polyhead.sharing.soft import Soft
from polyhead.sharing.task_attention import TaskAttention
from polyhead.text.tokens import Passage, TokenBatch

pytest.importorskip("openvino", reason="an extra")

Make = Callable[..., MultiTaskModel]
TASKS = ["add", "names"]
BUILT = ["bert", "deberta", "deberta_absolute", "deberta_apart", "distilbert", "electra", "gpt_neo", "roberta"]


def batches(model: MultiTaskModel) -> list[TokenBatch]:
    texts = ["w1", "", " ".join(f"w{number}" for number in range(70)), "w5 w6 w7", "w9 " * 20]
    tokenized = model.tokenizer.tokenize(texts)
    return [
        model.tokenizer.batch(tokenized),
        model.tokenizer.batch(tokenized[:1]),
        model.tokenizer.batch(tokenized[3:]),
    ]


def largest_difference(model: MultiTaskModel, graph: ModelProto, folder: Path) -> float:
    """Compare OpenVINO with onnxruntime, at real tokens, with all heads and with one."""
    from polyhead.runtime.openvino import OpenVinoEngine

    path = folder / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    engines = OnnxEngine(path), OpenVinoEngine(path)
    worst = 0.0
    for batch in batches(model):
        for tasks in (TASKS, ["add"], ["names"], []):
            left, right = (engine.run(batch, tasks) for engine in engines)
            assert list(left.logits) == list(right.logits) == tasks
            pairs = [(left.embedding, right.embedding), *((left.of(name), right.of(name)) for name in tasks)]
            for ours, theirs in pairs:
                real = batch.mask if ours.ndim == 3 else slice(None)
                worst = max(worst, float(np.abs(ours[real] - theirs[real]).max(initial=0.0)))
    return worst


def test_every_family_is_among_those_that_openvino_is_tried_on(make_model: Make) -> None:
    assert {make_model(family).encoder.config.model_type for family in BUILT} >= FAMILIES.keys() - {
        "camembert",  # both are built as roberta is
        "xlm-roberta",
    }


@pytest.mark.parametrize("family", BUILT)
def test_openvino_runs_the_graph_of_each_family_as_onnxruntime_does(
    make_model: Make, tmp_path: Path, family: str
) -> None:
    model = make_model(family)
    graph = built_graph(model)
    assert graph is not None
    assert largest_difference(model, graph, tmp_path) < 1e-5


@pytest.mark.parametrize("pooling", ["attention", "cls", "last", "max"])
def test_openvino_runs_each_pooling(make_model: Make, tmp_path: Path, pooling: str) -> None:
    model = make_model("bert", pooling, projection=8)
    graph = built_graph(model)
    assert graph is not None
    assert largest_difference(model, graph, tmp_path) < 1e-5


@pytest.mark.parametrize("sharing", [TaskAttention(heads=2), LowRank(rank=2), Soft()], ids=lambda sharing: sharing.kind)
def test_openvino_runs_each_way_of_sharing(make_model: Make, tmp_path: Path, sharing: Sharing) -> None:
    if isinstance(sharing, LowRank):
        pytest.importorskip("peft", reason="an extra")
    model = make_model("bert", sharing=sharing)
    graph = built_graph(model)
    assert graph is not None
    assert largest_difference(model, graph, tmp_path) < 1e-5


@pytest.mark.slow
def test_openvino_runs_a_graph_that_torch_traced(make_model: Make, tmp_path: Path) -> None:
    model = make_model("modernbert")
    assert largest_difference(model, traced_graph(model), tmp_path) < 1e-5


@pytest.fixture
def writer(make_model: Make, tmp_path: Path) -> GraphWriter:
    texts = [Passage(f"w{number} w{number + 1}") for number in range(8)]
    made = GraphWriter(make_model(), texts, tmp_path, lambda _: None)
    made.float32()
    return made


def test_openvino_is_proven_on_the_texts_that_the_graph_is_proven_on(writer: GraphWriter) -> None:
    parity = writer.openvino()
    assert parity.holds
    assert parity.texts == 8 + 5


def test_a_graph_that_openvino_misreads_is_refused(writer: GraphWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "compare", lambda *_, **__: Parity(texts=3, difference=0.5, unequal=2, example="w1"))
    with pytest.raises(ExportError, match=r"OpenVINO must answer as the model does.*2 of 3.*use the engine onnx"):
        writer.openvino()


@pytest.mark.parametrize("error", [FolderError("no such operator."), RuntimeError("no such shape.")])
def test_a_graph_that_openvino_cannot_run_is_refused(
    writer: GraphWriter, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(*_: object, **__: object) -> Parity:
        raise error

    monkeypatch.setattr(writing, "compare", failing)
    with pytest.raises(ExportError, match=r"able to run the graph. Found: no such \w+. Leave it out"):
        writer.openvino()
