"""Arguments and options that several commands have in common."""

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.question import MOST_THREADS
from polyhead.runtime.names import ENGINES

ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="The model folder.")]
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the recipe; may be given many times."),
]
EngineName = Annotated[
    str | None,
    typer.Option("--engine", metavar="NAME", help=f"{', '.join(ENGINES)}. Default: onnx once exported, else torch."),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, max=MOST_THREADS, help="Batches at a time. Default: one a core."),
]
