"""Where the files of an encoder come from: a local folder, or the hub."""

import json
import os
from pathlib import Path
from typing import Any, cast

from huggingface_hub import snapshot_download

from polyhead.errors import EncoderUnavailableError, did_you_mean

FETCHED = (
    "config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
)
PATIENCE = 10
"""Seconds that the hub has to answer."""

LONGEST_REASON = 300
ADVICE = 'Give a local folder that holds the encoder, or write name = "compact", which needs no download.'


def locate(name: str, *, start: Path) -> Path:
    """Return a folder with the encoder's files, fetched from the hub when no local folder has that name.

    Args:
        name: a local folder or a hub id.
        start: where relative folders start.

    Raises:
        EncoderUnavailableError: there is no such folder, and the hub has no such model or cannot be reached.
    """
    folder = start / (Path(name).expanduser() if name.startswith("~/") else name)
    if folder.is_dir():
        return folder
    hint = did_you_mean(name, ["compact"]).removesuffix("?").rstrip(".")
    tried = f"encoder {name!r}: it must be a local folder or a model of the hub. Found no folder {folder}{hint}"
    if name.startswith((".", "~", os.sep)) or Path(name).is_absolute() or name.count("/") > 1:
        message = f"{tried}. {ADVICE}"
        raise EncoderUnavailableError(message)
    # One call that fails at once without a network; everything after it reads local files.
    try:
        fetched = snapshot_download(name, allow_patterns=list(FETCHED), ignore_patterns=["*/*"], etag_timeout=PATIENCE)
    except (OSError, ValueError, RuntimeError) as error:
        message = f"{tried}, and the hub did not give it ({reason_of(error)}). {ADVICE}"
        raise EncoderUnavailableError(message) from error
    return Path(fetched)


def read_raw_configuration(folder: Path) -> dict[str, Any]:
    """Read `config.json` as it stands.

    Raises:
        EncoderUnavailableError: it is absent or no JSON object.
    """
    path = folder / "config.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} must be an encoder's configuration. Found: {reason_of(error)}. {ADVICE}"
        raise EncoderUnavailableError(message) from error
    if not isinstance(document, dict):
        message = f"{path} must be an encoder's configuration. Found no JSON object. {ADVICE}"
        raise EncoderUnavailableError(message)
    return cast("dict[str, Any]", document)


def reason_of(error: BaseException) -> str:
    """Say in one line what an error says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # A first line that ends in a colon only announces the second.
    said = " ".join(lines[: 1 + lines[0].endswith(":")]).rstrip(".:")
    return said if len(said) <= LONGEST_REASON else said[:LONGEST_REASON] + "…"
