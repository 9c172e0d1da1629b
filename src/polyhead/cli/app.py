"""The `polyhead` program: what is asked is done, and whatever goes wrong is one readable block on stderr."""

import gc
import os
import sys
from io import TextIOWrapper

from polyhead.cli.printing import tell
from polyhead.cli.quick import quickly_read
from polyhead.errors import PolyheadError


def main() -> None:
    """Run the program; leave with 0 done, 1 the data or the model says no, 2 the call or the recipe is wrong."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its code instead of failing.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        _run()
    except PolyheadError as error:
        _leave(f"Error: {error}", error.exit_status)
    except Exception as error:  # noqa: BLE001  whatever was not foreseen still ends in one block
        advice = "This is a fault in Polyhead. POLYHEAD_TRACEBACK=1 shows where; please report it."
        _leave(f"Error: {type(error).__name__}: {error}\n{advice}", 1)


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


def _leave(message: str, exit_status: int) -> None:
    if os.environ.get("POLYHEAD_TRACEBACK") == "1":
        import traceback  # noqa: PLC0415  of no use before something is wrong

        traceback.print_exc()
    else:
        tell(message)
    sys.exit(exit_status)
