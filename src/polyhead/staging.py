"""The model folder, written: whole or not at all."""

import hashlib
import json
import os
import re
import secrets
import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError

from polyhead.errors import StorageError, UsageError
from polyhead.folder import sha256_of
from polyhead.manifest import MANIFEST, Manifest, is_inside

STAGING = ".staging-"
REPLACE = "Name another folder, or pass `overwrite=True`."


def fsync_tree(folder: Path, *, deep: bool = True) -> None:
    """Wait until a folder is on the disk.

    Args:
        folder: the folder.
        deep: whether its files and folders must be, too; without it only the folder's own list of names.
    """
    paths = sorted(folder.rglob("*"), reverse=True) if deep else []
    for path in [*paths, folder]:
        # Windows cannot sync a folder.
        if os.name == "posix" or path.is_file():
            descriptor = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class Staging:
    """A model folder in the making.

    Args:
        path: where its files are written; on the same file system as the target.
        target: where it will be.
        overwrite: whether files of the target may be replaced.
    """

    def __init__(self, path: Path, target: Path, *, overwrite: bool) -> None:
        self.path = path
        self._target = target
        self._overwrite = overwrite

    def publish(self, manifest: Manifest) -> None:
        """Write the manifest with the hash of every file, wait for the disk, and move all of it in place.

        Raises:
            UsageError: the target holds files of the same names, and `overwrite` was not given.
        """
        names = sorted(path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file())
        hashes = {name: sha256_of(self.path / name) for name in names}
        document = replace(manifest, files=hashes).to_json()
        (self.path / MANIFEST).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        # The library that writes tensors lets nobody else read them, whatever the umask says.
        usual = (self.path / MANIFEST).stat().st_mode
        for name in names:
            (self.path / name).chmod(usual)
        fsync_tree(self.path)
        if self._target.exists():
            self._move_in(names)
        else:
            self.path.rename(self._target)
        fsync_tree(self._target.parent, deep=False)

    def _move_in(self, names: list[str]) -> None:
        taken = [name for name in names if (self._target / name).exists()]
        if taken and not self._overwrite:
            rule = f"{self._target} must not hold files of a model yet"
            message = f"{rule}. Found {', '.join(taken)}. {REPLACE}"
            raise UsageError(message)
        # Without its manifest a half-written folder is no model folder, so nobody reads a mixture.
        stale = _listed(self._target) - set(names)
        (self._target / MANIFEST).unlink(missing_ok=True)
        fsync_tree(self._target, deep=False)
        for name in names:
            (self._target / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).replace(self._target / name)
        for name in stale:
            (self._target / name).unlink(missing_ok=True)
        for folder in {(self._target / name).parent for name in names}:
            fsync_tree(folder, deep=False)
        (self.path / MANIFEST).replace(self._target / MANIFEST)
        fsync_tree(self._target, deep=False)


@contextmanager
def stage(folder: Path, *, overwrite: bool = False) -> Generator[Staging]:
    """Write a model folder aside; nothing is seen at its place until `publish`.

    Args:
        folder: the target: absent, or a folder without a manifest, whose other files stay.
        overwrite: whether a model that is there is replaced.

    Raises:
        UsageError: the target is a file, or holds a model and `overwrite` is not given.
        StorageError: something cannot be written; what was there before `publish` is untouched.
    """
    _refuse_taken(folder, overwrite=overwrite)
    home = folder if folder.exists() else folder.absolute().parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        _remove_stale(home)
        path = home / f"{STAGING}{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
        path.mkdir()
        try:
            yield Staging(path, folder, overwrite=overwrite)
        finally:
            shutil.rmtree(path, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{folder} cannot be written: {reason}. Make room there, or name another folder."
        raise StorageError(message) from error


def _refuse_taken(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        message = f"{folder} must be a folder to make. Found a file of that name."
        raise UsageError(message)
    if (folder / MANIFEST).exists() and not overwrite:
        message = f"{folder} must not hold a model yet. Found {MANIFEST}. {REPLACE}"
        raise UsageError(message)


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _remove_stale(home: Path) -> None:
    """Remove what runs on this machine left when they died."""
    for path in home.glob(f"{STAGING}*"):
        found = re.fullmatch(rf"{re.escape(STAGING)}{_host()}-(\d+)-[0-9a-f]{{8}}", path.name)
        if found and not _is_alive(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    # Elsewhere than on POSIX, signal 0 is a real one.
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _listed(folder: Path) -> set[str]:
    """List the files of the manifest that is about to go, whatever its version; none that lie elsewhere."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {name for name in files if is_inside(name)}
    except (OSError, ValueError, LookupError, TypeError):
        return set()
