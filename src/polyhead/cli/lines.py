"""Answers as JSON Lines, written aside and moved in place when they are complete."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from polyhead.answers import Answer
from polyhead.cli.printing import json_line, tell
from polyhead.errors import StorageError


class AnswerLines:
    """Where answers go, one a line in UTF-8.

    Args:
        stream: receives the lines.
        place: what errors call it.
    """

    def __init__(self, stream: IO[bytes], place: str) -> None:
        self._stream = stream
        self._place = place
        self.written = 0

    def write(self, answer: Answer) -> None:
        """Write one answer.

        Raises:
            StorageError: the disk is full, or the like.
        """
        with _storage(self._place):
            self._stream.write(json_line(answer.to_json()))
        self.written += 1

    def settle(self) -> None:
        """Hand everything to the reader or to the disk."""
        with _storage(self._place):
            self._stream.flush()
            if Path(self._place).is_file():
                os.fsync(self._stream.fileno())


@contextmanager
def answer_lines(output: Path | None) -> Generator[AnswerLines]:
    """Open the place for answers: stdout, or a file that appears, whole, when all of them are there.

    What was written before an interruption stays beside it in `<file>.partial`.

    Raises:
        StorageError: the file cannot be written.
    """
    if output is None:
        lines = AnswerLines(sys.stdout.buffer, "stdout")
        yield lines
        lines.settle()
        return
    target = Path(os.path.realpath(output))
    # A pipe or a device is written as it is: it cannot be replaced by a file.
    aside = target if target.exists() and not target.is_file() else target.with_name(target.name + ".partial")
    with _storage(str(output)):
        stream = aside.open("wb")
    lines = AnswerLines(stream, str(aside))
    try:
        yield lines
        lines.settle()
    except BaseException:
        tell(f"Stopped after {lines.written:,} answers; they are in {aside}.")
        raise
    finally:
        # On a full disk closing fails as writing did, which is what the caller is to hear.
        with suppress(OSError):
            stream.close()
    if aside != target:
        with _storage(str(output)):
            aside.replace(target)


@contextmanager
def _storage(place: str) -> Generator[None]:
    try:
        yield
    except BrokenPipeError:
        # Whoever read the answers has enough of them.
        raise
    except OSError as error:
        message = f"{place}: the answers cannot be written. Found: {error.strerror or error}."
        raise StorageError(message) from error
