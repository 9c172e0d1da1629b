import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from polyhead.errors import EncoderUnavailableError, FolderError, StorageError, UsageError
from polyhead.folder import read_manifest, sha256_of
from polyhead.model.compact import build_compact
from polyhead.model.encoder import load_encoder
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.spelling import fold
from polyhead.recipe import EncoderSettings
from polyhead.runtime.predictor import Predictor
from polyhead.tasks.base import Task

FAMILIES = ("bert", "distilbert", "gpt_neo", "modernbert", "roberta")

Make = Callable[..., MultiTaskModel]


@pytest.fixture(scope="session")
def small_disk() -> Iterator[Path]:
    """A file system of one mebibyte; only root may make one."""
    place = Path("/tmp") / f"polyhead-small-disk-{os.getpid()}"  # noqa: S108  mount points need a short, stable path
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],  # noqa: S607
        check=False,
        capture_output=True,
    )
    try:
        if mounted.returncode:
            pytest.skip("no file system may be mounted here")
        yield place
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(place)], check=True)  # noqa: S607
        place.rmdir()


def logits(model: MultiTaskModel, texts: Sequence[str]) -> Mapping[str, np.ndarray]:
    batch = model.tokenizer.batch(model.tokenizer.tokenize(texts))
    outputs = TorchEngine(model).run(batch, list(model.tasks))
    return {**outputs.logits, "the embedding": outputs.embedding}


def embed(model: MultiTaskModel, texts: Sequence[str]) -> np.ndarray:
    return Predictor(tasks=model.tasks, tokenizer=model.tokenizer, engine=TorchEngine(model)).embed(texts)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("projection", [None, 24])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_read_back_gives_identical_logits(
    make_model: Make, texts: Sequence[str], tmp_path: Path, family: str, projection: int | None
) -> None:
    model = make_model(family, projection=projection)
    model.save_pretrained(tmp_path / "model")
    again = MultiTaskModel.from_pretrained(tmp_path / "model")
    assert not again.training
    assert dict(again.tasks) == dict(model.tasks)
    before, after = logits(model, ["", *texts]), logits(again, ["", *texts])
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_attention_pooling_survives_the_folder(make_model: Make, texts: Sequence[str], tmp_path: Path) -> None:
    model = make_model("bert", "attention", projection=24)
    model.save_pretrained(tmp_path / "model")
    again = MultiTaskModel.from_pretrained(tmp_path / "model")
    assert torch.equal(again.pooling.query, model.pooling.query)
    assert np.array_equal(logits(model, texts)["the embedding"], logits(again, texts)["the embedding"])
    assert not (tmp_path / "model" / "modules.json").exists()


def test_a_model_read_back_has_one_encoder_that_all_tasks_share(make_model: Make, tmp_path: Path) -> None:
    model = make_model("gpt_neo")
    model.save_pretrained(tmp_path / "model")
    again = MultiTaskModel.from_pretrained(tmp_path / "model")
    assert sum(isinstance(module, type(again.encoder)) for module in again.modules()) == 1
    names = list(load_file(tmp_path / "model" / "heads.safetensors"))
    assert names
    assert all(name.startswith("heads.task_") for name in names)
    shared = {parameter.data_ptr() for parameter in again.encoder.parameters()}
    private = {parameter.data_ptr() for parameter in again.heads.parameters()}
    assert not shared & private


def test_saving_what_was_read_changes_nothing(make_model: Make, tmp_path: Path) -> None:
    make_model("roberta", projection=24).save_pretrained(tmp_path / "first")
    MultiTaskModel.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
    first, second = content(tmp_path / "first"), content(tmp_path / "second")
    assert first == second


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_folder_is_an_encoder_for_another_recipe(
    make_model: Make, texts: Sequence[str], tmp_path: Path, family: str
) -> None:
    model = make_model(family)
    model.save_pretrained(tmp_path / "model")
    loaded = load_encoder(EncoderSettings(name="model"), folder=tmp_path)
    loaded.tokenizer.overlap = model.tokenizer.overlap
    ours, theirs = model.tokenizer.tokenize(texts), loaded.tokenizer.tokenize(texts)
    assert all(np.array_equal(left.ids, right.ids) for left, right in zip(ours, theirs, strict=True))
    assert loaded.tokenizer.padding_id == model.tokenizer.padding_id
    assert loaded.tokenizer.filler_id == model.tokenizer.filler_id
    assert all(
        torch.equal(tensor, loaded.module.state_dict()[name]) for name, tensor in model.encoder.state_dict().items()
    )


def test_an_encoder_that_was_compact_reads_no_text_as_before(tasks: Mapping[str, Task], tmp_path: Path) -> None:
    made = build_compact(["a few words", "and more words"], seed=0)
    fold(made.module)
    model = MultiTaskModel(encoder=made.module, tokenizer=made.tokenizer, tasks=tasks, pooling="mean", projection=None)
    model.save_pretrained(tmp_path / "model")
    loaded = load_encoder(EncoderSettings(name="model"), folder=tmp_path)
    assert [of.ids.tolist() for of in loaded.tokenizer.tokenize([""])] == [[made.tokenizer.filler_id]]


def test_the_folder_holds_what_the_contract_names_and_nothing_pickled(make_model: Make, tmp_path: Path) -> None:
    documents = {"recipe.toml": "[encoder]\n", "metrics.json": "{}", "README.md": "# Über\n"}
    make_model("bert", projection=24).save_pretrained(tmp_path / "model", documents=documents)
    files = content(tmp_path / "model")
    assert set(files) == {
        "polyhead.json",
        "recipe.toml",
        "metrics.json",
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "sentence_bert_config.json",
        "modules.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "heads.safetensors",
    }
    assert files["README.md"].decode() == "# Über\n"
    for name, data in files.items():
        assert b"\x80\x04" not in data[:2]
        if name.endswith(".json"):
            json.loads(data)
        elif name.endswith(".safetensors"):
            load_file(tmp_path / "model" / name)
    assert not any(str(tmp_path).encode() in data for data in files.values())


def test_the_manifest_tells_what_the_model_is(make_model: Make, tmp_path: Path) -> None:
    model = make_model("gpt_neo", "last", projection=24)
    model.save_pretrained(tmp_path / "model")
    manifest = read_manifest(tmp_path / "model")
    assert dict(manifest.tasks) == dict(model.tasks)
    assert (manifest.pooling, manifest.projection, manifest.width, manifest.max_tokens) == ("last", 24, 32, 48)
    assert manifest.encoder_sha256 == sha256_of(tmp_path / "model" / "model.safetensors")
    assert set(manifest.versions) == {"polyhead", "torch", "transformers", "tokenizers"}
    assert set(manifest.files) == set(content(tmp_path / "model")) - {"polyhead.json"}


def test_code_and_caches_of_the_encoder_do_not_reach_the_folder(
    encoders: Mapping[str, Path], tmp_path: Path, tasks: Mapping[str, object]
) -> None:
    source = Path(shutil.copytree(encoders["gpt_neo"], tmp_path / "source"))
    path = source / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": {"AutoModel": "own.Own"}}))
    loaded = load_encoder(EncoderSettings(name="source"), folder=tmp_path)
    model = MultiTaskModel(
        encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=tasks, pooling="mean", projection=None
    )
    model.save_pretrained(tmp_path / "model")
    assert "auto_map" not in json.loads((tmp_path / "model" / "config.json").read_text())


def test_weights_that_share_memory_are_saved_all_the_same(
    make_model: Make, texts: Sequence[str], tmp_path: Path
) -> None:
    model = make_model("bert")
    layers = model.encoder.encoder.layer
    layers[1].attention.self.query.weight = layers[0].attention.self.query.weight
    model.save_pretrained(tmp_path / "model")
    again = MultiTaskModel.from_pretrained(tmp_path / "model")
    assert all(np.array_equal(left, logits(again, texts)[name]) for name, left in logits(model, texts).items())


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("model.safetensors", "heads no longer fit"),
        ("heads.safetensors", "get it again"),
        ("config.json", "get it again"),
        ("tokenizer.json", "get it again"),
        ("2_Dense/model.safetensors", "get it again"),
        ("recipe.toml", "get it again"),
    ],
)
@pytest.mark.parametrize("how", ["altered", "truncated", "missing"])
def test_a_file_that_is_not_as_it_was_is_refused(
    make_model: Make, tmp_path: Path, name: str, advice: str, how: str
) -> None:
    folder = tmp_path / "model"
    make_model("bert", projection=24).save_pretrained(folder, documents={"recipe.toml": "[encoder]\n"})
    data = (folder / name).read_bytes()
    changed = {"altered": data[:-1] + bytes([data[-1] ^ 1]), "truncated": data[: len(data) // 2]}
    if how == "missing":
        (folder / name).unlink()
        rule = "cannot be read: No such file or directory. The manifest lists it"
    else:
        (folder / name).write_bytes(changed[how])
        rule = f"(?s)differs from the manifest .sha256 [0-9a-f]{{4}}… expected, [0-9a-f]{{4}}… found.*{advice}"
    with pytest.raises(FolderError, match=rule) as caught:
        MultiTaskModel.from_pretrained(folder)
    assert name in str(caught.value)


def _rewrite(folder: Path, name: str) -> None:
    """Let the manifest agree with a file, as someone who wants to be believed would."""
    path = folder / "polyhead.json"
    manifest = json.loads(path.read_text())
    manifest["files"][name] = sha256_of(folder / name)
    path.write_text(json.dumps(manifest))


def test_heads_of_another_model_are_refused_even_with_their_own_hash(make_model: Make, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    make_model("bert").save_pretrained(folder)
    tensors = load_file(folder / "heads.safetensors")
    tensors["heads.task_topic.3.bias"] = torch.zeros(9)
    save_file(tensors, folder / "heads.safetensors")
    _rewrite(folder, "heads.safetensors")
    with pytest.raises(FolderError, match=r"heads\.task_topic\.3\.bias"):
        MultiTaskModel.from_pretrained(folder)


def test_a_manifest_without_heads_is_refused(make_model: Make, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    make_model("bert").save_pretrained(folder)
    document = json.loads((folder / "polyhead.json").read_text())
    del document["files"]["heads.safetensors"]
    (folder / "polyhead.json").write_text(json.dumps(document))
    with pytest.raises(FolderError, match=r"must have heads\.safetensors in its manifest"):
        MultiTaskModel.from_pretrained(folder)


def test_code_named_in_a_model_folder_is_never_run(make_model: Make, tmp_path: Path) -> None:
    folder, mark = tmp_path / "model", tmp_path / "it-ran"
    make_model("bert").save_pretrained(folder)
    (folder / "own.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Own: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}, "model_type": "made-up"}
    (folder / "config.json").write_text(json.dumps(config))
    _rewrite(folder, "config.json")
    with pytest.raises(EncoderUnavailableError, match="code of its own"):
        MultiTaskModel.from_pretrained(folder)
    assert not mark.exists()


def test_an_existing_model_is_kept_unless_overwriting_is_asked_for(
    make_model: Make, texts: Sequence[str], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    make_model("bert", projection=24).save_pretrained(folder)
    before = content(folder)
    other = make_model("roberta", "max")
    with pytest.raises(UsageError, match="overwrite=True"):
        other.save_pretrained(folder)
    assert content(folder) == before
    other.save_pretrained(folder, overwrite=True)
    assert not (folder / "2_Dense" / "model.safetensors").exists()
    again = MultiTaskModel.from_pretrained(folder)
    assert np.array_equal(embed(again, texts), embed(other, texts))


def test_a_full_disk_leaves_nothing_behind(make_model: Make, small_disk: Path) -> None:
    (small_disk / "filling").write_bytes(b"x" * 980_000)
    try:
        with pytest.raises(StorageError, match=r"cannot be written: .*[Nn]o space left") as caught:
            make_model("bert").save_pretrained(small_disk / "model")
        assert str(small_disk / "model") in str(caught.value)
        assert [path.name for path in small_disk.iterdir()] == ["filling"]
    finally:
        (small_disk / "filling").unlink()


def test_a_full_disk_leaves_the_model_that_was_there(make_model: Make, texts: Sequence[str], small_disk: Path) -> None:
    folder = small_disk / "model"
    model = make_model("bert")
    model.save_pretrained(folder)
    before = content(folder)
    room = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    (small_disk / "filling").write_bytes(b"x" * (room - 40_000))
    try:
        with pytest.raises(StorageError):
            make_model("bert", "max").save_pretrained(folder, overwrite=True)
        assert content(folder) == before
        again = MultiTaskModel.from_pretrained(folder)
        assert np.array_equal(embed(again, texts), embed(model, texts))
    finally:
        (small_disk / "filling").unlink()
        shutil.rmtree(folder)


def test_a_disk_that_fills_up_at_the_last_moment_leaves_nothing_behind(
    make_model: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=r"No space left on device\. Make room there"):
        make_model("bert").save_pretrained(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


class Hub:
    """Stands for the hub: remembers what it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.created: list[tuple[str, bool]] = []
        self.files: list[str] = []

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        if self.error:
            raise self.error
        assert exist_ok
        self.created.append((repo_id, private))

    def upload_folder(self, *, repo_id: str, folder_path: str) -> None:
        assert repo_id == self.created[-1][0]
        self.files = sorted(content(Path(folder_path)))
        MultiTaskModel.from_pretrained(folder_path)


def test_the_hub_gets_the_whole_folder_and_private_unless_asked_otherwise(
    make_model: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub()
    monkeypatch.setattr("polyhead.model.saving.HfApi", lambda: hub)
    make_model("bert").push_to_hub("someone/news")
    make_model("bert").push_to_hub("someone/open", private=False)
    assert hub.created == [("someone/news", True), ("someone/open", False)]
    assert {"polyhead.json", "heads.safetensors", "model.safetensors", "modules.json"} <= set(hub.files)


def test_a_hub_that_refuses_is_one_clear_error(make_model: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.model.saving.HfApi", lambda: Hub(OSError("not logged in")))
    with pytest.raises(StorageError, match="'someone/news' cannot be uploaded: not logged in"):
        make_model("bert").push_to_hub("someone/news")
