"""`polyhead add-task`: a new head on a trained model; every other answer stays as it is."""

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.extras import need_packages
from polyhead.cli.options import ModelFolder, Overrides, RecipeFile
from polyhead.cli.training import going_on, show_training


def add_task(
    model: ModelFolder,
    recipe: RecipeFile,
    *,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="The model folder to make.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was interrupted there.")] = False,
    overrides: Overrides = None,
) -> None:
    """Add tasks to a model; its other answers stay the same."""
    need_packages("add-task")
    import polyhead  # noqa: PLC0415  the help needs no torch
    from polyhead.training.adding import load_added_recipe  # noqa: PLC0415

    read = load_added_recipe(recipe, base=model, overrides=overrides or ())
    show_training(
        lambda progress: polyhead.train(read, output=output, base=model, resume=resume, progress=progress),
        command=going_on("add-task", model, recipe, "--output", output, overrides=overrides),
    )
