import errno
import json
import random
from pathlib import Path

import pytest
import torch

from polyhead.errors import FolderError, StorageError
from polyhead.training import checkpoints
from polyhead.training.checkpoints import Checkpoint, CheckpointStore, verify


def a_checkpoint(step: int, *, best: int | None = None) -> Checkpoint:
    generator = torch.Generator().manual_seed(step)
    tensors = {"model.weight": torch.randn(64, 64, generator=generator), "optimizer.step.w": torch.tensor(float(step))}
    return Checkpoint(step, tensors, {"epoch": 1, "best_step": best, "history": [{"loss": 1 / 3}]})


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def test_what_is_saved_comes_back_to_the_bit(store: CheckpointStore) -> None:
    saved = a_checkpoint(3)
    store.save(saved)
    loaded, passed_over = store.newest()
    assert passed_over == []
    assert loaded is not None
    assert loaded.step == 3
    assert loaded.meta == saved.meta
    assert all(torch.equal(loaded.tensors[name], tensor) for name, tensor in saved.tensors.items())


def test_the_two_newest_are_kept(store: CheckpointStore, tmp_path: Path) -> None:
    for step in (1, 2, 10):
        store.save(a_checkpoint(step))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["step-00000002", "step-00000010"]


def test_an_empty_store_has_no_newest(store: CheckpointStore) -> None:
    assert store.newest() == (None, [])


def damage(path: Path, how: str, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(content[: draw.randrange(len(content))])
    elif how == "flipped":
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)
    else:
        begin = draw.randrange(len(content))
        content[begin : begin + 4096] = bytes(len(content[begin : begin + 4096]))
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["state.safetensors", "meta.json", "MANIFEST.json"])
@pytest.mark.parametrize("how", ["deleted", "truncated", "flipped"])
@pytest.mark.parametrize("trial", range(5))
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    store: CheckpointStore, tmp_path: Path, name: str, how: str, trial: int
) -> None:
    store.save(a_checkpoint(1))
    store.save(a_checkpoint(2))
    damage(tmp_path / "checkpoints" / "step-00000002" / name, how, random.Random(trial))
    loaded, passed_over = store.newest()
    assert loaded is not None
    # A flipped bit in the manifest that leaves its meaning is no damage.
    if loaded.step == 2:
        assert name == "MANIFEST.json"
        verify(tmp_path / "checkpoints" / "step-00000002")
    else:
        assert "step-00000002" in passed_over[0]


def test_files_swapped_between_checkpoints_are_noticed(store: CheckpointStore, tmp_path: Path) -> None:
    store.save(a_checkpoint(1))
    store.save(a_checkpoint(2))
    one, two = (tmp_path / "checkpoints" / f"step-0000000{n}" / "state.safetensors" for n in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    loaded, passed_over = store.newest()
    assert loaded is None
    assert len(passed_over) == 2


def test_a_later_format_is_refused_with_both_versions(store: CheckpointStore, tmp_path: Path) -> None:
    store.save(a_checkpoint(1))
    path = tmp_path / "checkpoints" / "step-00000001" / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(FolderError, match=r"format 1\. Found 99"):
        verify(path.parent)


def test_a_full_disk_keeps_the_checkpoint_before(
    store: CheckpointStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(a_checkpoint(1))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "fsync_tree", full)
    with pytest.raises(StorageError, match="No space left on device"):
        store.save(a_checkpoint(2))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]
    loaded, _ = store.newest()
    assert loaded is not None
    assert loaded.step == 1


def test_what_a_dead_run_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".staging-step-00000009").mkdir()
    store = CheckpointStore(tmp_path)
    assert store.newest() == (None, [])
    assert list(tmp_path.iterdir()) == []


def test_best_weights_are_kept_while_a_checkpoint_points_to_them(store: CheckpointStore, tmp_path: Path) -> None:
    store.save_best(a_checkpoint(1))
    store.save(a_checkpoint(1, best=1))
    store.save_best(a_checkpoint(2))
    store.save(a_checkpoint(2, best=2))
    store.forget_unneeded_best()
    assert store.load_best(1).step == 1
    store.save(a_checkpoint(3, best=2))
    store.forget_unneeded_best()
    assert not (tmp_path / "checkpoints" / "best-00000001").exists()
    assert store.load_best(2).step == 2


def test_a_checkpoint_whose_best_weights_are_damaged_is_passed_over(store: CheckpointStore, tmp_path: Path) -> None:
    store.save_best(a_checkpoint(1))
    store.save(a_checkpoint(1, best=1))
    store.save_best(a_checkpoint(2))
    store.save(a_checkpoint(2, best=2))
    damage(tmp_path / "checkpoints" / "best-00000002" / "state.safetensors", "flipped", random.Random(0))
    loaded, passed_over = store.newest()
    assert loaded is not None
    assert loaded.step == 1
    assert "best-00000002" in passed_over[0]


def test_damaged_checkpoints_do_not_stop_a_resumed_run(store: CheckpointStore, tmp_path: Path) -> None:
    store.save(a_checkpoint(1))
    (tmp_path / "checkpoints" / "step-00000001" / "meta.json").write_text('{"best_st')
    store.save_best(a_checkpoint(2))
    store.save(a_checkpoint(2, best=2))
    store.forget_unneeded_best()
    assert store.load_best(2).step == 2
