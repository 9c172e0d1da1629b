"""`polyhead predict`, as Typer reads it."""

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.options import EngineName, ModelFolder, Threads
from polyhead.cli.question import Question


def predict(  # noqa: PLR0913  one parameter an option
    model: ModelFolder,
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts to answer.")] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Answer each line of a file, `-` is stdin: rows as JSON objects with `text` or `tokens`, and "
            "`text_pair` for questions about two, or plain texts. Blank lines are skipped.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the answers there, one a line, instead of to stdout."),
    ] = None,
    tasks: Annotated[
        str | None, typer.Option("--tasks", metavar="A,B", help="Answer these tasks only. Default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one answer a line as JSON.")] = False,
    engine: EngineName = None,
    threads: Threads = None,
) -> None:
    """Answer texts, or a file of them as JSON Lines."""
    from polyhead.cli.answering import answer  # noqa: PLC0415  the help needs no model

    answer(Question(model, texts, source, output, tasks, as_json, engine, threads))
