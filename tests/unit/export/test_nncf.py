import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polyhead.errors import ExportError, MissingExtraError
from polyhead.export import writing
from polyhead.export.build import built_graph
from polyhead.export.exporting import export_model
from polyhead.export.int8 import products
from polyhead.folder import read_manifest
from polyhead.loading import load
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.names import GRAPHS
from polyhead.runtime.session import OnnxEngine

openvino = pytest.importorskip("openvino", reason="an extra")
pytest.importorskip("nncf", reason="an extra")

from polyhead.export.nncf import write_quantized  # noqa: E402  absent where its extra is
from polyhead.runtime.openvino import OpenVinoEngine  # noqa: E402

Make = Callable[..., MultiTaskModel]
TASKS = ["add", "names"]
TEXTS = [f"w{number} w{number + 1} w{number + 2}" for number in range(0, 60, 3)]


@pytest.fixture(autouse=True)
def _small_products_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.export.int8.LEAST_WEIGHTS", 64)


def rounded(path: Path) -> set[str]:
    """Name the products that read a rounded state."""
    return {
        reader.get_node().get_friendly_name()
        for node in openvino.Core().read_model(path).get_ops()
        if node.get_type_name() == "FakeQuantize"
        for reader in node.output(0).get_target_inputs()
        if reader.get_node().get_type_name() == "MatMul"
    }


def test_products_of_the_encoder_are_converted_but_those_that_are_kept_and_no_others(
    make_model: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_model()
    graph = built_graph(model)
    assert graph is not None
    source, into = tmp_path / "model.onnx", tmp_path / "openvino" / "model_int8.xml"
    source.write_bytes(graph.SerializeToString())
    found = products(graph)
    kept, others = found[0], found[1:]
    batches = [model.tokenizer.batch([text]) for text in model.tokenizer.tokenize(TEXTS)]
    write_quantized(source, into, graph=graph, kept=[kept.weights], batches=batches)
    assert rounded(into) == {product.node.name for product in others}
    assert capsys.readouterr().out == ""
    exact, close = (engine.run(batches[0], TASKS) for engine in (OnnxEngine(source), OpenVinoEngine(into)))
    assert 0 < np.abs(exact.embedding - close.embedding).max() < 0.3 * np.abs(exact.embedding).max()
    write_quantized(source, into, graph=graph, kept=[kept.weights], batches=batches)
    np.testing.assert_array_equal(OpenVinoEngine(into).run(batches[0], TASKS).embedding, close.embedding)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": text, "add": "a"}) + "\n" for text in TEXTS))
    return path


def test_int8_for_openvino_is_measured_and_published_with_the_rest(folder: Path, rows: Path) -> None:
    said: list[str] = []
    exported = export_model(folder, int8=True, openvino=True, data=[rows], allow_loss=True, tell=said.append)
    assert exported.openvino is not None
    assert exported.openvino.holds
    assert exported.int8.keys() == {"onnx-int8", "openvino-int8"}
    assert exported.int8["openvino-int8"].rows == len(TEXTS)
    assert any(line.startswith("openvino-int8 with 0 layers in float32 loses") for line in said)
    manifest = read_manifest(folder)
    assert manifest.exports.keys() == set(GRAPHS)
    assert {"openvino/model_int8.xml", "openvino/model_int8.bin"} <= manifest.files.keys() & exported.files.keys()
    answers = {engine: load(folder, engine=engine).predict(TEXTS) for engine in GRAPHS}
    assert [answer["add"].label for answer in answers["openvino"]] == [a["add"].label for a in answers["onnx"]]
    assert answers["openvino"] != answers["openvino-int8"]


def test_a_later_export_without_openvino_forgets_what_was_proven_for_it(folder: Path) -> None:
    export_model(folder, openvino=True)
    assert read_manifest(folder).exports.keys() == {"onnx", "openvino"}
    export_model(folder)
    assert read_manifest(folder).exports.keys() == {"onnx"}


def test_int8_for_openvino_that_loses_too_much_is_refused_and_leaves_nothing(
    folder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"onnx": 0.9, "onnx-int8": 0.9, "openvino": 0.9, "openvino-int8": 0.8}
    monkeypatch.setattr(writing.GraphWriter, "_primaries", lambda _self, engine, _rows: {"add": scores[engine]})
    monkeypatch.setattr("polyhead.export.measuring.FLOAT_SHARES", (1 / 2,))
    with pytest.raises(ExportError, match=r"openvino-int8 may lose 0.5(.|\n)*add: 90.00 → 80.00"):
        export_model(folder, int8=True, openvino=True, data=[rows])
    assert not (folder / "onnx").exists()
    assert not (folder / "openvino").exists()


def test_int8_for_openvino_without_nncf_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"polyhead\[openvino-int8\]"):
        export_model(folder, int8=True, openvino=True, allow_loss=True)
    assert not (folder / "onnx").exists()
