"""`polyhead evaluate`: scores of a model on labelled rows."""

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.extras import need_packages
from polyhead.cli.options import EngineName, ModelFolder
from polyhead.errors import DataError, UsageError, did_you_mean


def evaluate(
    model: ModelFolder,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A file of labelled rows, in any format that a recipe takes.")
    ],
    *,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            metavar="NAME=COLUMN",
            help="Where `text`, `text_pair`, `tokens` or a task has another name in the rows; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as one JSON document.")] = False,
    engine: EngineName = None,
) -> None:
    """Score a model on labelled rows."""
    need_packages("evaluate")
    from polyhead.cli.printing import output_console, print_json  # noqa: PLC0415  the help needs no torch
    from polyhead.cli.tables import show_metrics  # noqa: PLC0415
    from polyhead.data.reading import read_rows  # noqa: PLC0415
    from polyhead.loading import load  # noqa: PLC0415
    from polyhead.recipe import DataSource  # noqa: PLC0415
    from polyhead.recipe_rules import ROW_FIELDS  # noqa: PLC0415
    from polyhead.training.evaluation import evaluate as score  # noqa: PLC0415

    predictor = load(model, engine=engine)
    source = DataSource(path=str(data), fields=_columns(fields or [], (*ROW_FIELDS, *predictor.tasks)))
    read = read_rows((source,), predictor.tasks, folder=Path())
    if faults := (*read.file_faults, *read.faults):
        title = "the rows cannot be evaluated on"
        raise DataError(title, faults)
    metrics = score(predictor, read.rows)
    if as_json:
        print_json(metrics)
    else:
        show_metrics(output_console(), metrics, title=str(data))


def _columns(fields: list[str], allowed: tuple[str, ...]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for field in fields:
        name, separator, column = field.partition("=")
        if not separator or not name or not column:
            message = f"`--field` must read NAME=COLUMN, such as text=sentence. Found {field!r}."
            raise UsageError(message)
        if name not in allowed:
            known = ", ".join(map(repr, allowed))
            message = f"`--field` must name {known}. Found {name!r}{did_you_mean(name, allowed)}"
            raise UsageError(message)
        columns[name] = column
    return columns
