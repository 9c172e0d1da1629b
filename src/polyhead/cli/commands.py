"""The commands of the `polyhead` program, as Typer reads them."""

from typing import Annotated

import typer

from polyhead import __version__
from polyhead.cli.add_task import add_task
from polyhead.cli.check import check
from polyhead.cli.compare import compare
from polyhead.cli.convert import convert
from polyhead.cli.demo import demo
from polyhead.cli.describe import describe
from polyhead.cli.evaluate import evaluate
from polyhead.cli.export import export
from polyhead.cli.new import new
from polyhead.cli.predict import predict
from polyhead.cli.serve import serve
from polyhead.cli.train import train

application = typer.Typer(
    name="polyhead",
    help="One text encoder, many heads: every answer about a text in one pass.",
    epilog="Begin with `polyhead demo`: no data, no download, two to three minutes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (demo, new, check, convert, describe, train, add_task, compare, evaluate, predict, export, serve):
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
