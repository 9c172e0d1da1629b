import json
from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead.errors import ExportError, FolderError
from polyhead.export import writing
from polyhead.export.exporting import export_model
from polyhead.export.parity import Parity
from polyhead.folder import read_manifest
from polyhead.loading import load
from polyhead.model.multitask import MultiTaskModel

Make = Callable[..., MultiTaskModel]
TEXTS = [f"w{number} w{number + 1} w{number + 2}" for number in range(0, 60, 3)]


@pytest.fixture
def rows(tmp_path: Path, folder: Path) -> Path:
    """Rows labelled with the model's own answers, so that float32 is always right."""
    answers = load(folder, engine="torch").predict(TEXTS)
    path = tmp_path / "rows.jsonl"
    labelled = [
        {
            "text": answer.text,
            "add": answer["add"].label,
            "names": [
                {"start": span.start, "end": span.end, "label": span.label, "text": span.text}
                for span in answer["names"].spans
            ],
        }
        for answer in answers
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in labelled))
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differing(*_: object, **__: object) -> Parity:
    return Parity(texts=3, difference=0.5, unequal=2, example="w1 w2")


def test_the_graph_and_its_parity_are_in_the_folder(folder: Path) -> None:
    exported = export_model(folder)
    manifest = read_manifest(folder)
    assert exported.way == "built"
    assert exported.parity.holds
    assert exported.files == {"onnx/model.onnx": (folder / "onnx/model.onnx").stat().st_size}
    assert manifest.exports["onnx"]["parity"]["unequal_answers"] == 0
    assert "onnx/model.onnx" in manifest.files


def test_texts_of_the_given_rows_are_compared_beside_the_edge_cases(folder: Path, rows: Path) -> None:
    assert export_model(folder, data=[rows]).parity.texts == export_model(folder).parity.texts + len(TEXTS)


def test_int8_is_measured_and_its_metrics_are_kept(folder: Path, rows: Path) -> None:
    exported = export_model(folder, int8=True, data=[rows], allow_loss=True)
    assert exported.int8["onnx-int8"].rows == len(TEXTS)
    assert exported.int8["onnx-int8"].before == {"add": 1.0, "names": 1.0}
    assert read_manifest(folder).exports["onnx-int8"]["primary"]["add"]["before"] == 1.0
    assert exported.files.keys() == {"onnx/model.onnx", "onnx/model_int8.onnx"}


def test_a_failed_parity_is_told_and_leaves_the_folder_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(folder)
    monkeypatch.setattr(writing, "compare", differing)
    monkeypatch.setattr(writing, "traced_graph", writing.built_graph)
    with pytest.raises(ExportError) as caught:
        export_model(folder)
    assert "5.0e-01" in str(caught.value)
    assert "2 of 3 answers" in str(caught.value)
    assert "'w1 w2'" in str(caught.value)
    assert content(folder) == before


def test_a_built_graph_that_is_not_right_is_replaced_by_a_traced_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    found = iter([differing(), Parity(texts=3, difference=0.0, unequal=0)])
    monkeypatch.setattr(writing, "compare", lambda *_, **__: next(found))
    monkeypatch.setattr(writing, "traced_graph", writing.built_graph)
    assert export_model(folder, tell=said.append).way == "traced"
    assert "torch traces the model instead" in said[0]


def test_an_encoder_that_nobody_builds_is_traced(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    make_model().save_pretrained(folder)
    built = writing.built_graph
    monkeypatch.setattr(writing, "built_graph", lambda _: None)
    monkeypatch.setattr(writing, "traced_graph", built)
    said: list[str] = []
    assert export_model(folder, tell=said.append).way == "traced"
    assert said == ["BertModel is traced by torch, which takes a while."]


def test_int8_without_rows_is_refused_before_anything_is_built(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "built_graph", None)
    with pytest.raises(ExportError, match="--data FILE"):
        export_model(folder, int8=True)


def test_int8_without_rows_can_be_allowed(folder: Path) -> None:
    exported = export_model(folder, int8=True, allow_loss=True)
    assert exported.int8["onnx-int8"].rows == 0


def test_int8_that_loses_too_much_is_refused_with_its_metrics_and_leaves_nothing(
    folder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(folder)
    found = {"onnx": {"add": 0.9, "names": 0.7}, "onnx-int8": {"add": 0.9, "names": 0.65}}
    monkeypatch.setattr(writing.GraphWriter, "_primaries", lambda _self, engine, _rows: found[engine])
    with pytest.raises(ExportError) as caught:
        export_model(folder, int8=True, data=[rows])
    assert "names: 70.00 → 65.00" in str(caught.value)
    assert "--allow-loss" in str(caught.value)
    assert content(folder) == before
    assert export_model(folder, int8=True, data=[rows], allow_loss=True).int8


def test_layers_stay_in_float32_until_the_loss_is_allowed(
    folder: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"add": 0.9}
    losses = iter([0.88, 0.89, 0.898])
    monkeypatch.setattr("polyhead.export.int8.LEAST_WEIGHTS", 64)
    monkeypatch.setattr(
        writing.GraphWriter,
        "_primaries",
        lambda _self, engine, _rows: before if engine == "onnx" else {"add": next(losses)},
    )
    kept = export_model(folder, int8=True, data=[rows]).int8["onnx-int8"].kept
    assert len(kept) == 2
    assert read_manifest(folder).exports["onnx-int8"]["float_layers"] == list(kept)


def test_a_graph_too_large_for_one_file_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LARGEST", 1000)
    with pytest.raises(ExportError, match="smaller than 2 GB"):
        export_model(folder)
    assert not (folder / "onnx").exists()


def test_an_altered_folder_is_not_exported(folder: Path) -> None:
    (folder / "heads.safetensors").write_bytes(b"")
    with pytest.raises(FolderError):
        export_model(folder)


def test_an_export_that_is_repeated_gives_the_same_graph(folder: Path) -> None:
    export_model(folder)
    first = (folder / "onnx/model.onnx").read_bytes()
    export_model(folder)
    assert (folder / "onnx/model.onnx").read_bytes() == first
