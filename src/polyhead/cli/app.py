"""The `polyhead` program: what is asked is done, and whatever goes wrong is one readable block on stderr."""

import errno
import gc
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from polyhead.cli.printing import tell
from polyhead.cli.quick import quickly_read
from polyhead.errors import PolyheadError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What a place says that takes no more."""


def main() -> None:
    """Run the program; leave with 0 done, 1 the data or the model says no, 2 the call or the recipe is wrong."""
    _reopen_closed()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its code instead of failing.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _run()
    except PolyheadError as error:
        _leave(f"Error: {error}", error.exit_status)
    except OSError as error:
        if error.errno not in FULL:
            _leave_unforeseen(error)
        _leave(f"Error: the output cannot be written. Found: {error.strerror}.", 1)
    except Exception as error:  # noqa: BLE001  whatever was not foreseen still ends in one block
        _leave_unforeseen(error)


def _reopen_closed() -> None:
    """Give nothing to read, or somewhere to write, in the place of a stream that the caller closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  it stays open to the end


def _run() -> None:
    question = quickly_read(sys.argv[1:])
    if question is None:
        from polyhead.cli.commands import application  # noqa: PLC0415  Typer and pydantic take a while to start

        application()
        return
    # What a program starts with is no garbage: to look for some takes a tenth of the time of answering a text.
    gc.disable()
    # Typer leaves in the same ways after Ctrl-C, and when whoever read the answers has enough of them.
    try:
        from polyhead.cli.answering import answer  # noqa: PLC0415  what it needs differs from what other commands need

        answer(question)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        gc.enable()
    sys.exit(0)


def _leave_unforeseen(error: Exception) -> NoReturn:
    advice = "This is a fault in Polyhead. POLYHEAD_TRACEBACK=1 shows where; please report it."
    _leave(f"Error: {type(error).__name__}: {error}\n{advice}", 1)


def _leave(message: str, exit_status: int) -> NoReturn:
    if os.environ.get("POLYHEAD_TRACEBACK") == "1":
        import traceback  # noqa: PLC0415  of no use before something is wrong

        traceback.print_exc()
    else:
        tell(message)
    sys.exit(exit_status)
