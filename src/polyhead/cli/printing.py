"""What goes to the terminal: tables and texts for people, JSON for programs."""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 120
"""Columns of what is printed into a file or a pipe, which have no width of their own."""


def output_console() -> "Console":
    """Open stdout for people: colours and the terminal's width there, plain text elsewhere."""
    from rich.console import Console  # noqa: PLC0415  JSON needs none

    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


def error_console() -> "Console":
    """Open stderr for progress, so that stdout holds results only."""
    from rich.console import Console  # noqa: PLC0415  most programs that call this one show no progress

    width = None if sys.stderr.isatty() else PLAIN_WIDTH
    return Console(stderr=True, highlight=False, markup=False, emoji=False, width=width)


def tell(message: str) -> None:
    """Say something on stderr."""
    print(message, file=sys.stderr)  # noqa: T201  the one place


def json_line(document: Any) -> bytes:  # noqa: ANN401  any JSON value
    """Return one line of UTF-8; a lone surrogate, which UTF-8 cannot say, is escaped."""
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(document, allow_nan=False).encode() + b"\n"


def print_json(document: Any) -> None:  # noqa: ANN401  any JSON value
    """Print one JSON document to stdout, in UTF-8 whatever the terminal speaks."""
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2).encode()
    except UnicodeEncodeError:
        text = json.dumps(document, allow_nan=False, indent=2).encode()
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()
