"""`polyhead train`: from a recipe to a model folder."""

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.extras import need_packages
from polyhead.cli.options import Overrides, RecipeFile


def train(
    recipe: RecipeFile,
    *,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="The model folder to make.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was interrupted there.")] = False,
    overrides: Overrides = None,
) -> None:
    """Train a recipe's tasks; keep the best epoch."""
    need_packages("train")
    import polyhead  # noqa: PLC0415  the help needs no torch
    from polyhead.cli.printing import error_console, output_console, tell  # noqa: PLC0415
    from polyhead.cli.tables import show_metrics  # noqa: PLC0415
    from polyhead.training.progress import Written  # noqa: PLC0415

    read = polyhead.load_recipe(recipe, overrides=overrides or ())
    try:
        result = polyhead.train(read, output=output, resume=resume, progress=Written(error_console()))
    except KeyboardInterrupt:
        tell(f"Interrupted; what was finished is saved. Go on: polyhead train {recipe} --output {output} --resume")
        raise
    console = output_console()
    for split, metrics in (("dev", result.dev), ("test", result.test)):
        if metrics is not None:
            show_metrics(console, metrics, title=split)
    console.print(f'The model is in {result.folder}. Try: polyhead predict {result.folder} "…"', soft_wrap=True)
