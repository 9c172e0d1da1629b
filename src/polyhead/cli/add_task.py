"""`polyhead add-task`: a new head on a trained model; every other answer stays as it is."""

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.extras import need_packages
from polyhead.cli.options import ModelFolder, Overrides, RecipeFile


def add_task(
    model: ModelFolder,
    recipe: RecipeFile,
    *,
    output: Annotated[Path, typer.Option("--output", metavar="DIR", help="The model folder to make.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that was interrupted there.")] = False,
    overrides: Overrides = None,
) -> None:
    """Add a recipe's tasks to a trained model; its other answers stay as they are, to the bit."""
    need_packages("add-task")
    import polyhead  # noqa: PLC0415  the help needs no torch
    from polyhead.cli.printing import error_console, output_console, tell  # noqa: PLC0415
    from polyhead.cli.tables import show_metrics  # noqa: PLC0415
    from polyhead.training.adding import load_added_recipe  # noqa: PLC0415
    from polyhead.training.progress import Written  # noqa: PLC0415

    read = load_added_recipe(recipe, base=model, overrides=overrides or ())
    progress = Written(error_console())
    try:
        result = polyhead.train(read, output=output, base=model, resume=resume, progress=progress)
    except KeyboardInterrupt:
        command = f"polyhead add-task {model} {recipe} --output {output} --resume"
        tell(f"Interrupted; what was finished is saved. Go on: {command}")
        raise
    console = output_console()
    for split, metrics in (("dev", result.dev), ("test", result.test)):
        if metrics is not None:
            show_metrics(console, metrics, title=split)
    console.print(f'The model is in {result.folder}. Try: polyhead predict {result.folder} "…"', soft_wrap=True)
