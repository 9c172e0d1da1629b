"""`polyhead train`: from a recipe to a model folder."""

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.extras import need_packages
from polyhead.cli.options import Overrides, RecipeFile
from polyhead.cli.training import going_on, show_training


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

    read = polyhead.load_recipe(recipe, overrides=overrides or ())
    show_training(
        lambda progress: polyhead.train(read, output=output, resume=resume, progress=progress),
        command=going_on("train", recipe, "--output", output, overrides=overrides),
    )
