"""Texts and rows from a file or from stdin, one a line; what cannot be read is kept as a fault."""

import codecs
import json
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from polyhead.errors import DataError, Fault, UsageError
from polyhead.text.passages import read_passage
from polyhead.text.tokenized import Passage

STDIN = "-"
SAVE_AGAIN = "Save it again as UTF-8."


class TextLines:
    """The texts of a stream: a line that begins with `{` is a row, any other line is a text.

    Args:
        stream: bytes in UTF-8.
        name: what faults call the stream.
        per_token: whether answers are given a token, so that the `tokens` of a row count.
    """

    def __init__(self, stream: IO[bytes], name: str, *, per_token: bool = False) -> None:
        self._stream = stream
        self._name = name
        self._per_token = per_token
        self.faults: list[Fault] = []
        self.bytes_read = 0
        self.blank_lines = 0

    def __iter__(self) -> Iterator[str | Passage]:
        for number, line in enumerate(self._stream, start=1):
            self.bytes_read += len(line)
            if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                # Half of its bytes would pass for texts with zeros in them.
                title = "the texts cannot be read"
                raise DataError(title, [Fault(self._name, "the file must be UTF-8. Found UTF-16.", SAVE_AGAIN)])
            text = self._text(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, number)
            if text is not None:
                yield text

    def _text(self, line: bytes, number: int) -> str | Passage | None:
        try:
            decoded = line.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            return self._refuse(number, f"a line must be UTF-8. Found byte 0x{line[error.start]:02x}.")
        if not decoded.strip():
            self.blank_lines += 1
            return None
        return self._row(decoded, number) if decoded.lstrip().startswith("{") else decoded

    def _row(self, line: str, number: int) -> str | Passage | None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            rule = f"a line that begins with {{ must be a JSON object. Found: {error}."
            return self._refuse(number, rule, 'Give a text that begins so as {"text": "{…"}.')
        # JSON that begins with a brace is an object.
        problems: list[str] = []
        passage = read_passage(cast("dict[str, object]", row), problems, per_token=self._per_token)
        return self._refuse(number, " ".join(problems)) if passage is None else passage

    def _refuse(self, number: int, rule: str, advice: str = "") -> None:
        self.faults.append(Fault(f"{self._name}:{number}", rule, advice))


@contextmanager
def opened(source: str, *, per_token: bool = False) -> Generator[tuple[TextLines, int | None]]:
    """Open a file of texts, or stdin for `-`; with its size in bytes where it has one.

    Args:
        source: the file.
        per_token: whether answers are given a token.

    Raises:
        UsageError: the file cannot be opened.
    """
    if source == STDIN:
        yield TextLines(sys.stdin.buffer, "stdin", per_token=per_token), None
        return
    try:
        stream = Path(source).open("rb")  # noqa: SIM115  closed below; only opening it may be the caller's fault
    except OSError as error:
        message = f"`--input` must be a file that can be read, or `-` for stdin. Found {source!r}: {error.strerror}."
        raise UsageError(message) from error
    with stream:
        size = Path(source).stat().st_size if Path(source).is_file() else None
        yield TextLines(stream, source, per_token=per_token), size
