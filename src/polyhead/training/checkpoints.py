"""Checkpoints that are whole or absent: safetensors and JSON, written aside, synced, moved in place.

A checkpoint is a folder with `state.safetensors`, `meta.json` and, written last, `MANIFEST.json` with the size
and hash of both. One that does not verify is never read; the one before it is, and the user is told.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from polyhead.errors import FolderError, StorageError
from polyhead.folder import sha256_of
from polyhead.staging import fsync_tree

FORMAT_VERSION = 1
STATE, META, MANIFEST = "state.safetensors", "meta.json", "MANIFEST.json"
STAGING = ".staging-"
KEPT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was saved at a step.

    Args:
        step: optimiser steps done.
        tensors: all tensors of the state, by name.
        meta: the rest of the state, as plain values.
    """

    step: int
    tensors: Mapping[str, Tensor]
    meta: Mapping[str, Any]


class CheckpointStore:
    """The checkpoints of one run.

    Args:
        folder: where they are kept; made when absent.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f"{STAGING}*"):
            shutil.rmtree(stale)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; afterwards it is whole on the disk, and the two newest are kept.

        Raises:
            StorageError: it cannot be written; the checkpoints before it are untouched.
        """
        self._write(f"step-{checkpoint.step:08d}", checkpoint)
        for old in self._steps()[:-KEPT]:
            shutil.rmtree(old)

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Write the best weights so far, beside those that earlier checkpoints still point to."""
        self._write(f"best-{checkpoint.step:08d}", checkpoint)

    def load_best(self, step: int) -> Checkpoint:
        """Read the weights that were best at a step.

        Raises:
            FolderError: they are absent or altered.
        """
        return _read(self._folder / f"best-{step:08d}")

    def forget_unneeded_best(self) -> None:
        """Remove best weights that no kept checkpoint points to any more."""
        needed = {_best_step(folder) for folder in self._steps()}
        for folder in self._folder.glob("best-*"):
            if _step_of(folder) not in needed:
                shutil.rmtree(folder)

    def newest(self) -> tuple[Checkpoint | None, list[str]]:
        """Read the newest checkpoint that verifies.

        Returns:
            The checkpoint, or nothing when there is none, and one sentence for each that was passed over.
        """
        passed_over: list[str] = []
        for folder in reversed(self._steps()):
            try:
                checkpoint = _read(folder)
                best = checkpoint.meta["best_step"]
                if best is not None:
                    verify(self._folder / f"best-{best:08d}")
            except FolderError as error:
                passed_over.append(str(error))
            else:
                return checkpoint, passed_over
        return None, passed_over

    def remove(self) -> None:
        """Remove all checkpoints, once the model they led to is saved."""
        shutil.rmtree(self._folder)

    def _steps(self) -> list[Path]:
        return sorted(self._folder.glob("step-*"), key=_step_of)

    def _write(self, folder_name: str, checkpoint: Checkpoint) -> None:
        staging, target = self._folder / f"{STAGING}{folder_name}", self._folder / folder_name
        try:
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in checkpoint.tensors.items()}
            save_file(tensors, staging / STATE)
            (staging / META).write_text(json.dumps({"step": checkpoint.step, **checkpoint.meta}), encoding="utf-8")
            files = {name: _described(staging / name) for name in (STATE, META)}
            manifest = {"format_version": FORMAT_VERSION, "files": files}
            (staging / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
            fsync_tree(staging)
            # A folder of that step is left only by a run that was resumed before it; its state is the same.
            shutil.rmtree(target, ignore_errors=True)
            staging.rename(target)
            fsync_tree(self._folder, deep=False)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(staging, ignore_errors=True)
            message = (
                f"{target} must be written. Found: {error}. Earlier checkpoints are kept: free space, then --resume."
            )
            raise StorageError(message) from error


def _described(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256_of(path)}


def verify(folder: Path) -> None:
    """Check every file of a checkpoint against its manifest.

    Raises:
        FolderError: a file is absent, cut or altered, or the format is a later one.
    """
    try:
        manifest = cast("dict[str, Any]", json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
        version, files = manifest["format_version"], manifest["files"]
        if version != FORMAT_VERSION:
            message = f"{folder} must have checkpoint format {FORMAT_VERSION}. Found {version}."
            raise FolderError(message)
        for name in (STATE, META):
            path, expected = folder / name, files[name]
            if path.stat().st_size != expected["size"] or sha256_of(path) != expected["sha256"]:
                message = f"{path} must be as {MANIFEST} says. Found another size or hash: it is damaged."
                raise FolderError(message)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{folder} must be a whole checkpoint. Found: {type(error).__name__}: {error}."
        raise FolderError(message) from error


def _read(folder: Path) -> Checkpoint:
    verify(folder)
    meta = json.loads((folder / META).read_text(encoding="utf-8"))
    return Checkpoint(meta.pop("step"), load_file(folder / STATE), meta)


def _best_step(folder: Path) -> int | None:
    """Return the step whose weights a checkpoint points to; a damaged one points to none."""
    try:
        return json.loads((folder / META).read_text(encoding="utf-8"))["best_step"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _step_of(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])
