"""Texts that the model is not sure of, kept for labelling: the one place where the server keeps a text."""

import os
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

from polyhead.errors import StorageError
from polyhead.serving.forms import confidence_of, json_bytes
from polyhead.serving.journal import log

REMEMBERED = 100_000
"""Texts that are known to be in the file already; later ones may be written twice."""


class Collector:
    """Appends uncertain texts to a file of JSON lines, each once, until the file or the disk is full.

    Args:
        path: the file; readable by its owner only.
        below: an answer less certain than this is kept.
        longest: bytes after which nothing more is written.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, path: Path, *, below: float, longest: int) -> None:
        self._below = below
        self._longest = longest
        self._lock = Lock()
        self._seen: set[bytes] = set()
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._written = os.fstat(self._file).st_size
        except OSError as error:
            message = f"{path}: uncertain texts cannot be collected there. Found: {error.strerror}."
            raise StorageError(message) from error

    def see(self, model: str, document: Mapping[str, Any]) -> None:
        """Keep an answer, in the shape that every answer has, when one of its tasks is not sure."""
        confidences = {name: confidence_of(task) for name, task in document["tasks"].items()}
        unsure = {name: value for name, value in confidences.items() if value is not None and value < self._below}
        if not unsure:
            return
        # The answers are suggestions beside the text, so that nobody takes them for labels.
        row = {"text": document["text"], "unsure": unsure, "model": model, "suggestions": document["tasks"]}
        line = json_bytes(row) + b"\n"
        mark = blake2b(document["text"].encode("utf-8", "surrogatepass"), digest_size=12).digest()
        with self._lock:
            if mark in self._seen or self._written + len(line) > self._longest:
                return
            if len(self._seen) < REMEMBERED:
                self._seen.add(mark)
            self._append(line)

    def _append(self, line: bytes) -> None:
        try:
            os.write(self._file, line)
            self._written += len(line)
        except OSError as error:
            # Answers matter more than what is kept of them.
            self._longest = 0
            log("collecting_ended", {"reason": error.strerror or type(error).__name__})

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
