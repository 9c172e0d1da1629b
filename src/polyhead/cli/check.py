"""`polyhead check`: what is wrong with a recipe and its rows, and what is there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyhead.cli.extras import READING, need_packages
from polyhead.cli.options import Overrides, RecipeFile

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from polyhead.data.lint import Report, TaskTable
    from polyhead.recipe import Recipe

FINDINGS_SHOWN = 100
LABELS_SHOWN = 40


def check(
    recipe: RecipeFile,
    *,
    base: Annotated[
        Path | None, typer.Option("--base", metavar="MODEL", help="The model that the recipe is to add tasks to.")
    ] = None,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON document.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write files beside the old ones, without what can be mended safely.")
    ] = False,
) -> None:
    """Find every fault of a recipe and its rows."""
    need_packages("check", READING)
    from polyhead.cli.checked_tokens import tokenizer_for  # noqa: PLC0415  the help reads no data
    from polyhead.cli.printing import output_console, print_json  # noqa: PLC0415
    from polyhead.data.lint import inspect  # noqa: PLC0415

    asked = _read(recipe, base, overrides or ())
    tokenizer, note = tokenizer_for(asked)
    report = inspect(asked, tokenizer)
    if as_json:
        print_json(report.to_json() | {"note": note})
    else:
        _show(output_console(), report, note)
    if fix:
        _mend(asked)
    if report.faults:
        raise typer.Exit(1)


def _read(recipe: Path, base: Path | None, overrides: Sequence[str]) -> "Recipe":
    if base is None:
        from polyhead.recipe import load_recipe  # noqa: PLC0415

        return load_recipe(recipe, overrides=overrides)
    need_packages("check --base")
    from polyhead.folder import read_manifest  # noqa: PLC0415
    from polyhead.model.growing import refuse_growth  # noqa: PLC0415
    from polyhead.training.adding import load_added_recipe  # noqa: PLC0415

    # The encoder of a recipe is looked for beside it, and the model where the command is called.
    read = load_added_recipe(recipe, base=base.absolute(), overrides=overrides)
    refuse_growth(read_manifest(base, verify=False), read.tasks, base)
    return read


def _mend(recipe: "Recipe") -> None:
    from polyhead.cli.printing import tell  # noqa: PLC0415
    from polyhead.data.mending import mend  # noqa: PLC0415
    from polyhead.errors import DataError  # noqa: PLC0415

    sources = (*recipe.data.train, *recipe.data.dev, *recipe.data.test)
    for source in {source.path: source for source in sources}.values():
        try:
            mended = mend(source, folder=recipe.folder)
        except DataError as error:
            tell(str(error))
            continue
        for what, count in mended.counts.items():
            tell(f"{source.path}: {count:,} {what}")
        tell(f"{source.path}: {f'mended in {mended.output}' if mended.output else 'nothing that can be mended safely'}")


def _show(console: "Console", report: "Report", note: str) -> None:
    from polyhead.data.lint import ALIGNED_ROWS  # noqa: PLC0415  the help reads no data

    console.print(_row_table(report))
    console.print(_label_table(report))
    if note:
        console.print(note, soft_wrap=True)
    if report.aligned_by_text:
        console.print(
            f"Spans of {', '.join(report.aligned_by_text)} were held to the words of the texts, not to those of the "
            f"tokenizer: more than {ALIGNED_ROWS:,} rows. Training refuses what only the tokenizer tells.",
            soft_wrap=True,
        )
    for finding in report.findings[:FINDINGS_SHOWN]:
        place = f"{finding.level}: {finding.where}: {finding.rule}"
        console.print(f"{place} {finding.advice}".rstrip(), soft_wrap=True)
    hidden = len(report.findings) - FINDINGS_SHOWN
    if hidden > 0:
        console.print(f"… and {hidden:,} more; --json lists all.")
    warnings = len(report.findings) - report.faults
    console.print(f"{_counted(report.faults, 'fault')}, {_counted(warnings, 'warning')}.")


def _row_table(report: "Report") -> "Table":
    table = _table("task", "kind", splits=report.rows)
    for name in ("labels", "imbalance", f"{report.measured_in} (half, 95%, longest)", f"over {report.max_tokens:,}"):
        table.add_column(name, justify="right")
    for name, task in report.tasks.items():
        _add_row(table, name, task.kind, counts=task.rows, splits=report.rows, more=_more(task))
    table.add_section()
    _add_row(table, "rows in all", "", counts=report.rows, splits=report.rows)
    return table


def _more(task: "TaskTable") -> tuple[str, ...]:
    lengths = task.lengths
    rows = sum(task.rows.values())
    estimated = "about " if lengths.windowed and lengths.measured < rows else ""
    return (
        f"{len(task.labels):,}" if task.labels else "",
        "" if task.imbalance is None else f"{task.imbalance:,.1f} : 1",
        f"{lengths.median:,} {lengths.most:,} {lengths.longest:,}",
        f"{estimated}{lengths.windowed:,}",
    )


def _label_table(report: "Report") -> "Table":
    table = _table("task", "label", splits=report.rows)
    for name, task in report.tasks.items():
        for number, (label, counts) in enumerate(list(task.labels.items())[:LABELS_SHOWN]):
            _add_row(table, "" if number else name, label, counts=counts, splits=report.rows)
        if len(task.labels) > LABELS_SHOWN:
            _add_row(table, "", f"… and {len(task.labels) - LABELS_SHOWN} more", counts={}, splits=report.rows)
        table.add_section()
    return table


def _table(*names: str, splits: Mapping[str, int]) -> "Table":
    from rich.table import Table  # noqa: PLC0415

    table = Table(*names)
    for split in splits:
        table.add_column(split, justify="right")
    return table


def _add_row(
    table: "Table", *names: str, counts: Mapping[str, int], splits: Mapping[str, int], more: Sequence[str] = ()
) -> None:
    from rich.text import Text  # noqa: PLC0415

    cells = (f"{counts[split]:,}" if split in counts else "" for split in splits)
    table.add_row(*map(Text, names), *cells, *more)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
