"""The model folder, read: only when nothing in it was altered."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from polyhead.errors import FolderError
from polyhead.manifest import ENCODER_WEIGHTS, MANIFEST, Manifest

MODEL_CARD = "README.md"


def read_manifest(folder: Path, *, verify: bool = True, only: Collection[str] | None = None) -> Manifest:
    """Read what a model folder says about itself.

    Files beside those of the manifest are fine, and the model card may be edited.

    Args:
        folder: the model folder.
        verify: whether the hash of every file must be that of the manifest.
        only: the files to verify, for a reader that opens no others; all when absent.

    Raises:
        FolderError: the folder is no model folder, was altered, or has another format version.
    """
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FolderError(_what_it_is(folder)) from error
    except (OSError, ValueError, RecursionError) as error:
        message = f"{path} must be readable JSON. Found: {error}."
        raise FolderError(message) from error
    manifest = Manifest.from_json(document, where=path)
    if verify:
        for name, expected in manifest.files.items():
            if name != MODEL_CARD and (only is None or name in only):
                _verify(folder / name, expected)
    return manifest


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _what_it_is(folder: Path) -> str:
    rule = f"{folder} must be a model folder, with {MANIFEST}."
    if not folder.is_dir():
        return f"{rule} Found no folder of that name."
    if (folder / "checkpoints").is_dir():
        return f"{rule} Found an unfinished training: finish it with `polyhead train … --output {folder} --resume`."
    if (folder / "config.json").is_file():
        return f"{rule} Found an encoder without heads: name it in a recipe, as `name` of `[encoder]`, and train."
    return f"{rule} Found none of its files there."


def _verify(path: Path, expected: str) -> None:
    try:
        found = sha256_of(path)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}. The manifest lists it; get the folder again."
        raise FolderError(message) from error
    if found == expected:
        return
    advice = "The folder was altered; get it again."
    if path.parent.name in {"onnx", "openvino"}:
        advice = "The folder was altered; export it again."
    if path.name == ENCODER_WEIGHTS and path.with_name(MANIFEST).exists():
        advice = "The encoder was changed, so the heads no longer fit it; get the folder again, or train again."
    message = f"{path} differs from the manifest (sha256 {expected[:4]}… expected, {found[:4]}… found). {advice}"
    raise FolderError(message)
