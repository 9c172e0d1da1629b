"""`polyhead predict`: answers about texts."""

import gc
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from polyhead import loading
from polyhead.cli.question import Question
from polyhead.errors import DataError, UsageError
from polyhead.runtime.predictor import Predictor

if TYPE_CHECKING:
    from polyhead.cli.texts import TextLines


def answer(question: Question) -> None:
    """Answer what a call asks.

    Raises:
        UsageError: texts come from nowhere or from two places, or the model cannot be asked so.
        DataError: some lines of a file could not be read; the others are answered.
    """
    texts, source, output = question.texts, question.source, question.output
    if bool(texts) == (source is not None):
        found = "both" if texts else "neither"
        message = f"predict needs texts, or `--input` with a file of them. Found {found}."
        raise UsageError(message)
    predictor = loading.load(question.model, engine=question.engine, threads=question.threads)
    # From here on there is garbage, and what is there already will stay to the end.
    gc.freeze()
    gc.enable()
    names = None if question.tasks is None else [name.strip() for name in question.tasks.split(",")]
    if source is not None:
        _answer_file(predictor, names, source=source, output=output)
    elif question.as_json or output is not None:
        _answer_as_lines(predictor, names, texts=texts or [], output=output)
    else:
        _show_answers(predictor, names, texts=texts or [])


def _answer_file(predictor: Predictor, names: Sequence[str] | None, *, source: str, output: Path | None) -> None:
    from polyhead.cli.lines import answer_lines  # noqa: PLC0415
    from polyhead.cli.printing import tell  # noqa: PLC0415
    from polyhead.cli.progress import AnswerProgress  # noqa: PLC0415
    from polyhead.cli.texts import opened  # noqa: PLC0415

    asked = predictor.tasks if names is None else predictor.tasks.keys() & set(names)
    per_token = any(predictor.tasks[name].per_token for name in asked)
    with ExitStack() as stack:
        lines, size = stack.enter_context(opened(source, per_token=per_token))
        answers = stack.enter_context(answer_lines(output))
        progress = stack.enter_context(AnswerProgress(size))
        for answer in predictor.stream(lines, names):
            answers.write(answer)
            progress.show(answers.written, lines.bytes_read)
        if output is not None and _are_one_file(Path(source), output):
            # What could not be read stands nowhere else, so the answers do not replace it.
            _refuse_faults(lines, written=answers.written)
    skipped = f", {lines.blank_lines:,} blank lines skipped" if lines.blank_lines else ""
    tell(f"{answers.written:,} answers written{skipped}.")
    _refuse_faults(lines, written=answers.written)


def _are_one_file(source: Path, output: Path) -> bool:
    return source.is_file() and output.is_file() and output.samefile(source)


def _refuse_faults(lines: "TextLines", *, written: int) -> None:
    if lines.faults:
        title = f"{len(lines.faults):,} lines could not be read; the other {written:,} are answered"
        raise DataError(title, lines.faults)


def _answer_as_lines(
    predictor: Predictor, names: Sequence[str] | None, *, texts: Sequence[str], output: Path | None
) -> None:
    from polyhead.cli.lines import answer_lines  # noqa: PLC0415

    with answer_lines(output) as lines:
        for answer in predictor.predict(texts, names):
            lines.write(answer)


def _show_answers(predictor: Predictor, names: Sequence[str] | None, *, texts: Sequence[str]) -> None:
    from polyhead.cli.printing import output_console  # noqa: PLC0415
    from polyhead.cli.showing import show_answer  # noqa: PLC0415

    console = output_console()
    for answer in predictor.predict(texts, names):
        show_answer(console, answer)
