"""What tells that the data of a run are the same as before."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from polyhead.folder import sha256_of

if TYPE_CHECKING:
    from polyhead.recipe import DataSource


def digest_of(source: "DataSource", *, folder: Path) -> str:
    """Return a digest of the rows that a source of a recipe holds: of its file, or of all files of its folder.

    A data set of the hub has none of its own here; its name stands for it.

    Raises:
        OSError: a file cannot be read.
    """
    path = folder / source.path
    if path.is_file():
        return sha256_of(path)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    digest = hashlib.sha256(source.path.encode())
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()} {sha256_of(file)}\n".encode())
    return digest.hexdigest()
