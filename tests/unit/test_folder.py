import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.errors import FolderError, StorageError, UsageError
from polyhead.folder import read_manifest, sha256_of
from polyhead.manifest import FORMAT_VERSION, Manifest
from polyhead.staging import Staging, fsync_tree, stage
from polyhead.tasks.classification import Classification

FILES = {"config.json": "{}", "model.safetensors": "weights", "onnx/model.onnx": "graph", "README.md": "# card"}


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        tasks={"topic": Classification(labels=("a", "b"))},
        pooling="mean",
        projection=None,
        width=8,
        max_tokens=16,
        overlap=0.125,
        padding_id=0,
        filler_id=1,
        versions={"polyhead": "0.1.0"},
    )


@pytest.fixture
def make(manifest: Manifest) -> Callable[..., None]:
    """Publish a folder with these files."""

    def make_folder(folder: Path, files: Mapping[str, str] = FILES, *, overwrite: bool = False) -> None:
        with stage(folder, overwrite=overwrite) as staging:
            write(staging, files)
            staging.publish(manifest)

    return make_folder


def write(staging: Staging, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (staging.path / name).parent.mkdir(exist_ok=True, parents=True)
        (staging.path / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def rewrite(folder: Path, **changes: Any) -> None:  # noqa: ANN401
    path = folder / "polyhead.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_published_folder_reads_back(make: Callable[..., None], manifest: Manifest, tmp_path: Path) -> None:
    make(tmp_path / "model")
    found = read_manifest(tmp_path / "model")
    assert dict(found.tasks) == dict(manifest.tasks)
    assert set(found.files) == set(FILES)
    assert {name: text for name, text in content(tmp_path / "model").items() if name != "polyhead.json"} == FILES
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def test_parents_of_the_target_are_made(make: Callable[..., None], tmp_path: Path) -> None:
    make(tmp_path / "runs" / "news" / "model")
    assert read_manifest(tmp_path / "runs" / "news" / "model").width == 8


def test_a_relative_target_is_fine(make: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("model"))
    assert read_manifest(Path("model")).width == 8


def test_nothing_is_at_the_target_before_it_is_published(manifest: Manifest, tmp_path: Path) -> None:
    with stage(tmp_path / "model") as staging:
        write(staging, FILES)
        assert not (tmp_path / "model").exists()
        assert staging.path.name.startswith(".staging-")
        assert staging.path.stat().st_dev == tmp_path.stat().st_dev
        staging.publish(manifest)
        assert (tmp_path / "model").exists()


def test_what_is_never_published_leaves_nothing(tmp_path: Path) -> None:
    with stage(tmp_path / "model") as staging:
        write(staging, FILES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), KeyboardInterrupt()])
def test_an_error_while_writing_leaves_nothing_and_comes_through(tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with stage(tmp_path / "model") as staging:
            write(staging, FILES)
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_a_run_keeps_its_other_files(make: Callable[..., None], tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "step-1").write_text("state")
    (run / "logs.txt").write_text("log")
    inode = run.stat().st_ino
    make(run)
    assert read_manifest(run).width == 8
    assert content(run)["checkpoints/step-1"] == "state"
    assert content(run)["logs.txt"] == "log"
    assert run.stat().st_ino == inode
    assert not list(run.glob(".staging-*"))


def test_files_of_somebody_else_are_not_replaced(make: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("my own")
    with pytest.raises(UsageError, match=r"Found README\.md\. Name another folder, or pass `overwrite=True`"):
        make(tmp_path)
    assert content(tmp_path) == {"README.md": "my own"}


def test_a_model_is_replaced_only_when_asked(make: Callable[..., None], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    make(folder)
    (folder / "notes.txt").write_text("mine")
    before = content(folder)
    with pytest.raises(UsageError, match=r"Found polyhead\.json"):
        make(folder, {"config.json": "new"})
    assert content(folder) == before
    make(folder, {"config.json": "new"}, overwrite=True)
    # What the old model had and the new one has not would be read as a part of it.
    assert set(content(folder)) == {"config.json", "polyhead.json", "notes.txt"}
    assert content(folder)["config.json"] == "new"
    read_manifest(folder)


def test_a_hostile_manifest_cannot_make_overwriting_remove_other_files(
    make: Callable[..., None], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    (tmp_path / "precious").write_text("mine")
    make(folder)
    rewrite(folder, files={"../precious": "0", str(tmp_path / "precious"): "0"})
    make(folder, overwrite=True)
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("document", ["", "[]", "{}", '{"files": 3}'])
def test_a_broken_model_can_be_replaced(make: Callable[..., None], tmp_path: Path, document: str) -> None:
    folder = tmp_path / "model"
    make(folder)
    (folder / "polyhead.json").write_text(document)
    make(folder, overwrite=True)
    read_manifest(folder)


def test_a_file_in_the_place_of_the_folder_is_refused(make: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    with pytest.raises(UsageError, match="Found a file of that name"):
        make(tmp_path / "model")


def test_the_manifest_comes_last(make: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    make(folder)
    moved: list[str] = []
    replace = Path.replace

    def note(source: Path, target: Path) -> Path:
        assert not (folder / "polyhead.json").exists()
        moved.append(source.name)
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", note)
    make(folder, overwrite=True)
    assert moved[-1] == "polyhead.json"
    assert sorted(moved) == ["README.md", "config.json", "model.onnx", "model.safetensors", "polyhead.json"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("present", [False, True])
def test_a_disk_that_fails_leaves_what_was_there(
    make: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    present: bool,  # noqa: FBT001
) -> None:
    folder = tmp_path / "model"
    if present:
        make(folder)
    before = content(tmp_path)

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError) as caught:
        make(folder, {"config.json": "new"}, overwrite=True)
    assert str(caught.value).startswith(f"{folder} cannot be written: {os.strerror(code)}.")
    assert content(tmp_path) == before
    if present:
        read_manifest(folder)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_clear_error(make: Callable[..., None], locked: Path) -> None:
    with pytest.raises(StorageError, match="Permission denied"):
        make(locked / "model")


def test_what_a_killed_process_left_is_removed(make: Callable[..., None], tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from polyhead.staging import stage\n"
        "with stage(Path(sys.argv[1])) as staging:\n"
        "    (staging.path / 'half').write_text('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model")], check=False)
    left = list(tmp_path.iterdir())
    assert len(left) == 1
    assert (left[0] / "half").exists()
    make(tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_living_process_writes_is_left_alone(make: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / ".staging-of-somebody-else").mkdir()
    with stage(tmp_path / "first") as staging:
        make(tmp_path / "second")
        assert staging.path.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".staging-of-somebody-else", "second"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "onnx/model.onnx"])
def test_an_altered_file_is_named_with_both_hashes(make: Callable[..., None], tmp_path: Path, name: str) -> None:
    make(tmp_path / "model")
    expected = sha256_of(tmp_path / "model" / name)
    (tmp_path / "model" / name).write_text("altered")
    found = sha256_of(tmp_path / "model" / name)
    with pytest.raises(FolderError) as caught:
        read_manifest(tmp_path / "model")
    rule = f"{name} differs from the manifest (sha256 {expected[:4]}… expected, {found[:4]}… found)."
    assert rule in str(caught.value)
    advice = {"onnx/model.onnx": "export it again", "model.safetensors": "the heads no longer fit it"}
    assert advice.get(name, "get it again") in str(caught.value)
    assert read_manifest(tmp_path / "model", verify=False).width == 8


def test_a_model_card_may_be_edited_and_other_files_added(make: Callable[..., None], tmp_path: Path) -> None:
    make(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("# better")
    (tmp_path / "model" / ".gitattributes").write_text("added by the hub")
    assert read_manifest(tmp_path / "model").width == 8


def test_a_missing_file_is_named(make: Callable[..., None], tmp_path: Path) -> None:
    make(tmp_path / "model")
    (tmp_path / "model" / "config.json").unlink()
    with pytest.raises(FolderError, match=r"config\.json cannot be read: No such file"):
        read_manifest(tmp_path / "model")


def test_a_newer_format_is_refused_with_both_versions(make: Callable[..., None], tmp_path: Path) -> None:
    make(tmp_path / "model")
    rewrite(tmp_path / "model", format_version=FORMAT_VERSION + 1, versions={"polyhead": "9.9"})
    rule = f"format version {FORMAT_VERSION}. Found {FORMAT_VERSION + 1}, written by Polyhead 9.9"
    with pytest.raises(FolderError, match=rule):
        read_manifest(tmp_path / "model")


@pytest.mark.parametrize("document", ["", "{", "\x00", '"text"', "[]", "{}", "null"])
def test_a_broken_manifest_is_one_clear_error(make: Callable[..., None], tmp_path: Path, document: str) -> None:
    make(tmp_path / "model")
    (tmp_path / "model" / "polyhead.json").write_text(document)
    with pytest.raises(FolderError, match=r"polyhead\.json must be"):
        read_manifest(tmp_path / "model")


def test_a_folder_that_is_no_model_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "config.json").write_text("{}")
    expected = {
        "absent": "Found no folder",
        "file": "Found no folder",
        "empty": "none of its files",
        "run": "unfinished training: finish it with .*--resume",
        "encoder": "an encoder without heads",
    }
    for name, rule in expected.items():
        with pytest.raises(FolderError, match=rule):
            read_manifest(tmp_path / name)


def test_fsync_reaches_every_file_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(str(Path(f"/proc/self/fd/{number}").readlink())))
    fsync_tree(tmp_path)
    places = [tmp_path / "a" / "b" / "file", tmp_path / "a" / "b", tmp_path / "a", tmp_path]
    assert synced == [str(path.resolve()) for path in places]
    synced.clear()
    fsync_tree(tmp_path, deep=False)
    assert synced == [str(tmp_path.resolve())]


@given(data=st.binary(max_size=300), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, place: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("hash") / "file"
    path.write_bytes(data)
    before = sha256_of(path)
    if data:
        flipped = bytearray(data)
        flipped[place % len(data)] ^= 1 << bit
        path.write_bytes(flipped)
        assert sha256_of(path) != before
    else:
        assert before == sha256_of(path)
    shutil.rmtree(path.parent)


def test_reading_needs_no_torch() -> None:
    code = "import sys, polyhead.folder; sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
