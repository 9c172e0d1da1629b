"""`polyhead compare`: does it help to share the encoder?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyhead.cli.extras import TRAINING, need_packages
from polyhead.cli.options import Overrides, RecipeFile
from polyhead.cli.training import going_on

if TYPE_CHECKING:
    from rich.console import Console

    from polyhead.studies.comparison import Comparison


def compare(
    recipe: RecipeFile,
    *,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="The folder to make, with all models.")],
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", min=2, help="How often everything is trained, each time otherwise.")
    ] = 3,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON document.")] = False,
    overrides: Overrides = None,
) -> None:
    """Tell for each task whether sharing the encoder helps."""
    need_packages("compare", (*TRAINING, "scipy", "jinja2"))
    from polyhead.cli.printing import error_console, output_console, print_json, tell  # noqa: PLC0415  the help needs no torch
    from polyhead.recipe import load_recipe  # noqa: PLC0415
    from polyhead.studies.compare import compare as study  # noqa: PLC0415
    from polyhead.studies.report import HTML  # noqa: PLC0415
    from polyhead.training.progress import Written  # noqa: PLC0415

    read = load_recipe(recipe, overrides=overrides or ())
    try:
        found = study(read, output=output, seeds=seeds, resume=resume, progress=lambda: Written(error_console()))
    except KeyboardInterrupt:
        again = going_on("compare", recipe, "--output", output, "--seeds", seeds, overrides=overrides)
        tell(f"Interrupted; what was finished is saved. Go on: {again}")
        raise
    if as_json:
        print_json(found.to_json())
        return
    _show(output_console(), found)
    tell(f"The report is in {output / HTML}.")


def _show(console: "Console", found: "Comparison") -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from polyhead.studies.report import named_differences  # noqa: PLC0415

    title = f"one model for all tasks beside one for each: {found.rows:,} {found.split} rows, {len(found.seeds)} seeds"
    table = Table("task", title=title, title_justify="left")
    for name in ("alone", "together", "difference", "95 % interval"):
        table.add_column(name, justify="right")
    table.add_column("sharing")
    for name, of in named_differences(found):
        low, high = of.interval
        cells = (f"{of.alone:.3f}", f"{of.together:.3f}", f"{of.difference:+.3f}", f"{low:+.3f} to {high:+.3f}")
        table.add_row(*map(Text, (name, *cells, of.verdict)))
    console.print(table)
    for name, cost in (("one for each task", found.alone), ("one for all", found.together)):
        console.print(
            f"{name:<18} {cost.megabytes:>8.1f} MB, {cost.milliseconds_a_text:>7.2f} ms a text, "
            f"trained in {cost.training_minutes:.1f} min"
        )
