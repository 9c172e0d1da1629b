import json
from pathlib import Path

import pytest

from polyhead.errors import FolderError
from polyhead.export import publishing
from polyhead.export.publishing import add_graphs
from polyhead.folder import read_manifest
from polyhead.staging import stage

GRAPH = "onnx/model.onnx"


def add(folder: Path, content: bytes, *, difference: float = 0.0) -> None:
    with stage(folder, overwrite=True) as staging:
        (staging.path / "onnx").mkdir()
        (staging.path / GRAPH).write_bytes(content)
        record = {"parity": {"max_difference": difference}}
        add_graphs(folder, staging.path, manifest=read_manifest(folder), records={"onnx": record})


def test_a_graph_that_was_added_is_in_the_manifest_with_its_hash_and_its_record(folder: Path) -> None:
    before = read_manifest(folder)
    add(folder, b"graph", difference=0.25)
    after = read_manifest(folder)
    assert after.files.keys() == before.files.keys() | {GRAPH}
    assert after.exports == {"onnx": {"parity": {"max_difference": 0.25}}}
    assert after.encoder_sha256 == before.encoder_sha256
    assert (folder / GRAPH).read_bytes() == b"graph"


def test_a_graph_that_is_there_is_replaced(folder: Path) -> None:
    add(folder, b"old")
    add(folder, b"new")
    read_manifest(folder)
    assert (folder / GRAPH).read_bytes() == b"new"


def test_nothing_is_left_beside_what_was_added(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    add(folder, b"graph")
    assert {path.name for path in folder.iterdir()} == before | {"onnx"}


@pytest.mark.parametrize("steps", range(4))
def test_a_crash_at_any_step_leaves_a_model_that_can_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    add(folder, b"old")
    left = steps
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    if steps < 3:
        with pytest.raises(KeyboardInterrupt):
            add(folder, b"new")
    else:
        add(folder, b"new")
    manifest = read_manifest(folder)
    assert (GRAPH in manifest.files) == (steps in {0, 3})


def test_a_graph_that_was_altered_is_refused_with_advice(folder: Path) -> None:
    add(folder, b"graph")
    (folder / GRAPH).write_bytes(b"other")
    with pytest.raises(FolderError, match="export it again"):
        read_manifest(folder)
    read_manifest(folder, only={"tokenizer.json"})


def test_what_the_manifest_says_of_another_graph_stays(folder: Path) -> None:
    add(folder, b"graph")
    manifest = read_manifest(folder)
    with stage(folder, overwrite=True) as staging:
        (staging.path / "onnx").mkdir()
        (staging.path / "onnx/model_int8.onnx").write_bytes(b"int8")
        publishing.add_graphs(folder, staging.path, manifest=manifest, records={"onnx-int8": {"rows": 3}})
    document = json.loads((folder / "polyhead.json").read_text())
    assert document["exports"].keys() == {"onnx", "onnx-int8"}
    assert {GRAPH, "onnx/model_int8.onnx"} <= document["files"].keys()
