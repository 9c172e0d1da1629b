import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from polyhead import loading
from polyhead.errors import FolderError, MissingExtraError, UsageError
from polyhead.loading import load
from polyhead.runtime.names import ENGINES, GRAPHS

TEXTS = ["Maria moved to São Paulo.", "", "my parcel never came " * 9, "ok", "東京で", "The river froze!"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, bert_folder: Path) -> Path:
    """A model folder that has not been exported."""
    from polyhead.model.encoder import load_encoder
    from polyhead.model.multitask import MultiTaskModel
    from polyhead.recipe import EncoderSettings
    from polyhead.tasks.classification import Classification
    from polyhead.tasks.entities import Entities

    loaded = load_encoder(EncoderSettings(name=str(bert_folder)), folder=Path())
    tasks = {"topic": Classification(labels=("a", "b")), "names": Entities(labels=("X", "Y"))}
    model = MultiTaskModel(
        encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=tasks, pooling="mean", projection=None
    )
    folder = tmp_path_factory.mktemp("trained") / "model"
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model, exported to both graphs."""
    from polyhead.export.exporting import export_model

    folder = tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(trained, folder)
    export_model(folder, int8=True, allow_loss=True)
    return folder


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which engines were opened."""
    words: list[str] = []

    def remember(word: str) -> Callable[[Path, int | None], None]:
        return lambda _folder, _threads: words.append(word)

    monkeypatch.setattr(loading, "ENGINES", {word: remember(word) for word in loading.ENGINES})
    return words


def test_an_exported_folder_is_opened_with_onnx_and_another_with_torch(
    trained: Path, exported: Path, opened: list[str]
) -> None:
    load(trained)
    load(exported)
    load(exported, engine="onnx-int8")
    load(exported, engine="torch")
    assert opened == ["torch", "onnx", "onnx-int8", "torch"]


def test_every_engine_answers_and_float32_answers_the_same(exported: Path) -> None:
    answers = {word: load(exported, engine=word).predict(TEXTS) for word in ("onnx", "onnx-int8", "torch")}
    for ours, theirs in zip(answers["onnx"], answers["torch"], strict=True):
        assert ours["topic"].label == theirs["topic"].label
        assert ours["topic"].confidence == pytest.approx(theirs["topic"].confidence, abs=1e-4)
        assert [span[:4] for span in map(tuple_of, ours["names"].spans)] == [
            span[:4] for span in map(tuple_of, theirs["names"].spans)
        ]
    assert [answer.text for answer in answers["onnx-int8"]] == TEXTS


def tuple_of(span: object) -> tuple[object, ...]:
    return tuple(span.to_json().values())


def test_the_number_of_threads_changes_no_answer(exported: Path) -> None:
    texts = TEXTS * 40
    one, three = (load(exported, threads=threads) for threads in (1, 3))
    assert one.predict(texts) == three.predict(texts)
    np.testing.assert_array_equal(one.embed(texts), three.embed(texts))


def test_an_engine_that_does_not_exist_is_refused_with_the_closest_one(trained: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'onnx'"):
        load(trained, engine="onx")


def test_openvino_answers_as_onnxruntime_does_in_many_threads_too(exported: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="an extra")
    from polyhead.export.exporting import export_model

    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    export_model(folder, openvino=True)
    texts = TEXTS * 40
    expected = load(folder, engine="onnx").predict(texts)
    for threads in (1, 3):
        for ours, theirs in zip(load(folder, engine="openvino", threads=threads).predict(texts), expected, strict=True):
            assert ours["topic"].label == theirs["topic"].label
            assert ours["topic"].confidence == pytest.approx(theirs["topic"].confidence, abs=1e-4)
            assert [span[:4] for span in map(tuple_of, ours["names"].spans)] == [
                span[:4] for span in map(tuple_of, theirs["names"].spans)
            ]


def test_there_is_one_list_of_engines() -> None:
    assert tuple(loading.ENGINES) == ENGINES
    assert loading.OPTIONS.keys() == GRAPHS.keys()


def test_a_graph_that_was_not_proven_for_openvino_is_not_run_there(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _: object())
    with pytest.raises(UsageError, match=f"polyhead export {exported} --openvino`"):
        load(exported, engine="openvino")


@pytest.mark.parametrize("engine", ["openvino", "openvino-int8"])
def test_without_openvino_its_engines_say_what_to_install(
    exported: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == "openvino" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"polyhead\[openvino\]"):
        load(exported, engine=engine)


@pytest.mark.parametrize("engine", loading.OPTIONS)
def test_an_engine_that_the_folder_was_not_exported_for_says_how_to(
    trained: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda _: object())
    option = loading.OPTIONS[engine]
    with pytest.raises(UsageError) as caught:
        load(trained, engine=engine)
    assert f"polyhead export {trained}{option}`" in str(caught.value)


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_a_missing_package_of_torch_says_what_to_install(
    trained: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None if name == package else find_spec(name))
    with pytest.raises(MissingExtraError, match=package):
        load(trained)


def test_an_absent_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="Found no folder"):
        load(tmp_path / "absent")


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json"])
def test_a_file_that_is_read_must_be_as_it_was_written(exported: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(FolderError, match="differs from the manifest"):
        load(folder)


def test_an_encoder_that_was_changed_after_the_export_is_told(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "model")
    weights, manifest = tmp_path / "model" / "model.safetensors", tmp_path / "model" / "polyhead.json"
    later = manifest.stat().st_mtime_ns + 10**9
    os.utime(weights, ns=(later, later))
    load(tmp_path / "model", engine="onnx")
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    os.utime(weights, ns=(later, later))
    with pytest.raises(FolderError, match=r"model.safetensors"):
        load(tmp_path / "model", engine="onnx")
    weights.unlink()
    load(tmp_path / "model", engine="onnx")


def test_files_that_only_training_reads_are_not_read(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    for name in ("model.safetensors", "heads.safetensors", "config.json"):
        (folder / name).unlink()
    assert len(load(folder).predict(TEXTS)) == len(TEXTS)


def test_an_exported_model_answers_without_torch_transformers_and_pydantic(exported: Path) -> None:
    program = (
        "import sys, polyhead\n"
        f"answer = polyhead.load({str(exported)!r}).predict(['one text'])[0]\n"
        "absent = {'torch', 'transformers', 'pydantic', 'pyarrow', 'onnx'} & set(sys.modules)\n"
        "print(sorted(absent), answer['topic'].label)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] ")


PREDICT = "import sys; sys.argv[0] = 'polyhead'; from polyhead.cli.app import main; main()"
HEAVY = ("torch", "transformers", "pydantic", "typer", "pyarrow", "onnx", "importlib.metadata")


@pytest.mark.parametrize("options", [(), ("--json",), ("--engine=onnx", "--threads", "2")])
def test_the_command_imports_nothing_heavy_to_answer(exported: Path, options: tuple[str, ...]) -> None:
    told = f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    # The program ends as it does for a user; what was imported is told on the way out.
    look = f"import atexit, sys; atexit.register(lambda: {told}); {PREDICT}"
    words = [sys.executable, "-c", look, "predict", str(exported), "one text", *options]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "one text" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="pipes break so on POSIX")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_whoever_has_enough_of_the_answers_is_told_nothing(exported: Path, options: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-c", PREDICT, "predict", str(exported), "one text", *options]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_long_texts_are_read_with_the_overlap_of_the_manifest(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(exported, folder)
    manifest = json.loads((folder / "polyhead.json").read_text())
    text = ["The river froze and nobody could reach the mill. " * 20]
    answers = []
    for overlap in (None, 0.25):
        manifest["overlap"] = overlap
        (folder / "polyhead.json").write_text(json.dumps(manifest))
        answers += load(folder).predict(text)
    assert [answer.windows > 1 for answer in answers] == [False, True]
    assert [answer.truncated for answer in answers] == [True, False]


def test_the_tokenizer_of_the_folder_is_used(exported: Path) -> None:
    stored = Tokenizer.from_file(str(exported / "tokenizer.json"))
    assert load(exported).tokenize(["river"], ["topic"])[0].ids.tolist() == stored.encode("river").ids


def test_where_there_is_cuda_torch_runs_there_in_half_precision(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from polyhead.model.multitask import MultiTaskModel

    moved: list[tuple[object, ...]] = []

    def to(model: MultiTaskModel, *where: object) -> MultiTaskModel:
        moved.append(where)
        return model.bfloat16()

    expected = load(trained, engine="torch").predict(TEXTS)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(MultiTaskModel, "to", to)
    answers = load(trained, engine="torch").predict(TEXTS)
    assert moved == [("cuda", torch.bfloat16)]
    for answer, exact in zip(answers, expected, strict=True):
        assert answer["topic"].scores["a"] == pytest.approx(exact["topic"].scores["a"], abs=0.02)
        assert answer["topic"].scores["a"] != exact["topic"].scores["a"]


def test_what_is_no_engine_and_no_count_is_told(trained: Path) -> None:
    with pytest.raises(UsageError, match="`engine` must be one of"):
        load(trained, engine=5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"`threads` must be 1 or more. Found 0"):
        load(trained, threads=0)
