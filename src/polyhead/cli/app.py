"""The `polyhead` program: its commands, and one readable block on stderr for whatever goes wrong."""

import os
import sys
import traceback
from io import TextIOWrapper
from typing import Annotated

import typer

from polyhead import __version__
from polyhead.cli.check import check
from polyhead.cli.convert import convert
from polyhead.cli.demo import demo
from polyhead.cli.describe import describe
from polyhead.cli.evaluate import evaluate
from polyhead.cli.export import export
from polyhead.cli.new import new
from polyhead.cli.predict import predict
from polyhead.cli.serve import serve
from polyhead.cli.train import train
from polyhead.errors import PolyheadError

application = typer.Typer(
    name="polyhead",
    help="One text encoder, many heads: every answer about a text in one pass.",
    epilog="Begin with `polyhead demo`: no data, no download, about two minutes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (demo, new, check, convert, describe, train, evaluate, predict, export, serve):
    application.command()(command)


def _show_version(asked: bool) -> None:  # noqa: FBT001  Typer calls it with the option's value
    if asked:
        typer.echo(f"polyhead {__version__}")
        raise typer.Exit


@application.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """One text encoder, many heads: every answer about a text in one pass."""


def main() -> None:
    """Run the program; leave with 0 done, 1 the data or the model says no, 2 the call or the recipe is wrong."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character shows its code instead of failing.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        application()
    except PolyheadError as error:
        _leave(f"Error: {error}", error.exit_status)
    except Exception as error:  # noqa: BLE001  whatever was not foreseen still ends in one block
        advice = "This is a fault in Polyhead. POLYHEAD_TRACEBACK=1 shows where; please report it."
        _leave(f"Error: {type(error).__name__}: {error}\n{advice}", 1)


def _leave(message: str, exit_status: int) -> None:
    if os.environ.get("POLYHEAD_TRACEBACK") == "1":
        traceback.print_exc()
    else:
        typer.echo(message, err=True)
    sys.exit(exit_status)
