"""`polyhead convert`: rows from any format to any other."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyhead.cli.extras import READING, need_packages
from polyhead.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from polyhead.data.converting import Meaning
    from polyhead.recipe import DataSource

SPANS, NUMBER = ":spans", ":number"
SOURCE_KEYS = ("columns", "split", "subset")


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="The file, folder or data set of the hub.")],
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The new file or folder; its ending tells the format.")],
    *,
    old: Annotated[str | None, typer.Option("--from", metavar="FORMAT", help="The format of IN, if not told.")] = None,
    new: Annotated[str | None, typer.Option("--to", metavar="FORMAT", help="The format of OUT, if not told.")] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--field",
            metavar="NAME=COLUMN",
            help="Rename a column. COLUMN:spans makes spans of its tags, COLUMN:number numbers of its texts.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="columns=a,b,c or split=… or subset=… of IN.")
    ] = None,
) -> None:
    """Write rows in another format, and say what it cannot hold."""
    need_packages("convert", READING)
    from polyhead.cli.printing import tell  # noqa: PLC0415  the help reads no data
    from polyhead.data import converting  # noqa: PLC0415

    columns, meaning = _columns(fields or ())
    form = _form(output, new)
    done = converting.convert(_source(source, old, columns, settings or ()), output, form, meaning=meaning)
    for loss, count in done.losses.items():
        tell(f"not held in {count:,} rows: {loss}")
    tell(f"{done.rows:,} rows in {output}")


def _columns(fields: Sequence[str]) -> tuple[dict[str, str], "Meaning"]:
    """Read `--field` options: our names and their columns, and what some of them mean."""
    from polyhead.data.converting import Meaning  # noqa: PLC0415

    columns: dict[str, str] = {}
    found: dict[str, set[str]] = {SPANS: set(), NUMBER: set()}
    for field in fields:
        name, column = _pair("--field", field)
        for means, names in found.items():
            if column.endswith(means):
                column = column.removesuffix(means)
                names.add(name)
        columns[name] = column
    return columns, Meaning(spans=frozenset(found[SPANS]), numbers=frozenset(found[NUMBER]))


def _source(name: str, form: str | None, columns: dict[str, str], settings: Sequence[str]) -> "DataSource":
    from polyhead.recipe import DataSource  # noqa: PLC0415

    given = dict(_pair("--set", setting) for setting in settings)
    for key in given.keys() - set(SOURCE_KEYS):
        message = f"`--set` must name {', '.join(SOURCE_KEYS)}. Found {key!r}{did_you_mean(key, SOURCE_KEYS)}"
        raise UsageError(message)
    return DataSource(
        path=name,
        fields=columns,
        format=None if form is None else _known(form),
        columns=tuple(given["columns"].split(",")) if "columns" in given else None,
        split=given.get("split"),
        subset=given.get("subset"),
    )


def _form(output: Path, asked: str | None) -> str:
    from polyhead.data.formats.choice import FORMATS, format_by_name  # noqa: PLC0415

    form = format_by_name(output) if asked is None else _known(asked)
    if form is None:
        message = f"the ending of OUT must tell its format. Found {output.name!r}. Give `--to`: {', '.join(FORMATS)}."
        raise UsageError(message)
    return form


def _known(form: str) -> str:
    from polyhead.data.formats.choice import FORMATS  # noqa: PLC0415

    if form not in FORMATS:
        hint = did_you_mean(form, FORMATS)
        message = f"a format must be one of {', '.join(FORMATS)}. Found {form!r}{hint}"
        raise UsageError(message)
    return form


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        message = f"`{option}` must read NAME=VALUE. Found {text!r}."
        raise UsageError(message)
    return name, value
