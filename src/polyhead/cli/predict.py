"""`polyhead predict`: answers about texts."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyhead.cli.options import EngineName, ModelFolder, Threads
from polyhead.errors import DataError, UsageError

if TYPE_CHECKING:
    from polyhead.cli.texts import TextLines
    from polyhead.runtime.predictor import Predictor


def predict(  # noqa: PLR0913  one parameter an option
    model: ModelFolder,
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts to answer.")] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Answer each line of a file, `-` is stdin: rows as JSON objects with `text`, or plain texts. "
            "Blank lines are skipped.",
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
    if bool(texts) == (source is not None):
        found = "both" if texts else "neither"
        message = f"predict needs texts, or `--input` with a file of them. Found {found}."
        raise UsageError(message)
    from polyhead.loading import load  # noqa: PLC0415  the help needs no model

    predictor = load(model, engine=engine, threads=threads)
    names = None if tasks is None else [name.strip() for name in tasks.split(",")]
    if source is not None:
        _answer_file(predictor, names, source=source, output=output)
    elif as_json or output is not None:
        _answer_as_lines(predictor, names, texts=texts or [], output=output)
    else:
        _show_answers(predictor, names, texts=texts or [])


def _answer_file(predictor: "Predictor", names: list[str] | None, *, source: str, output: Path | None) -> None:
    from polyhead.cli.lines import answer_lines  # noqa: PLC0415
    from polyhead.cli.printing import tell  # noqa: PLC0415
    from polyhead.cli.progress import AnswerProgress  # noqa: PLC0415
    from polyhead.cli.texts import opened  # noqa: PLC0415

    with ExitStack() as stack:
        lines, size = stack.enter_context(opened(source))
        answers = stack.enter_context(answer_lines(output))
        progress = stack.enter_context(AnswerProgress(size))
        for answer in predictor.stream(lines, names):
            answers.write(answer)
            progress.show(answers.written, lines.bytes_read)
    skipped = f", {lines.blank_lines:,} blank lines skipped" if lines.blank_lines else ""
    tell(f"{answers.written:,} answers written{skipped}.")
    _refuse_faults(lines, written=answers.written)


def _refuse_faults(lines: "TextLines", *, written: int) -> None:
    if lines.faults:
        title = f"{len(lines.faults):,} lines could not be read; the other {written:,} are answered"
        raise DataError(title, lines.faults)


def _answer_as_lines(predictor: "Predictor", names: list[str] | None, *, texts: list[str], output: Path | None) -> None:
    from polyhead.cli.lines import answer_lines  # noqa: PLC0415

    with answer_lines(output) as lines:
        for answer in predictor.predict(texts, names):
            lines.write(answer)


def _show_answers(predictor: "Predictor", names: list[str] | None, *, texts: list[str]) -> None:
    from polyhead.cli.printing import output_console  # noqa: PLC0415
    from polyhead.cli.showing import show_answer  # noqa: PLC0415

    console = output_console()
    for answer in predictor.predict(texts, names):
        show_answer(console, answer)
