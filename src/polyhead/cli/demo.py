"""`polyhead demo`: the main job on bundled sentences, offline."""

import time
from importlib.resources import as_file, files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyhead.cli.extras import need_packages

if TYPE_CHECKING:
    from rich.console import Console

    from polyhead.training.result import TrainingResult

NEW_TEXTS = (
    "The Yellowstone National Park sees over four million visitors.",
    "Fetch Rewards is awesome and is America's number one app",
    "Mayor Celestine Abara broke her promise again, and voters in Duncraig are furious.",
    "Doctors at Saint Wilfrid Hospital are delighted: the new vaccine works.",
    "Shares of Tarnwick Bank fell on Wednesday after a disappointing report.",
)
"""Texts of no file: what a model that is minutes old says about them, right or wrong."""


def demo(
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="DIR", help="The model folder to make. Default: polyhead-demo, numbered."),
    ] = None,
) -> None:
    """Train, evaluate and predict, on bundled rows."""
    need_packages("demo")
    import polyhead  # noqa: PLC0415  the help needs no torch
    from polyhead.cli.printing import error_console, output_console  # noqa: PLC0415
    from polyhead.training.progress import Written  # noqa: PLC0415

    console = output_console()
    folder = output or unused_folder(Path("polyhead-demo"))
    console.print("Three answers about a text from one encoder: its topic, its sentiment and the names in it.")
    console.print("It starts from nothing and learns from 680 sentences that were written by hand for this demo.\n")
    began = time.monotonic()
    with as_file(files("polyhead") / "demo") as data:
        recipe = polyhead.load_recipe(data / "recipe.toml")
        result = polyhead.train(recipe, output=folder, progress=Written(error_console()))
    _show_scores(console, result, seconds=time.monotonic() - began)
    _show_new_texts(console, folder)
    _show_next(console, folder)


def unused_folder(wanted: Path) -> Path:
    """Return the folder, or its first numbered sibling that does not exist."""
    if not wanted.exists():
        return wanted
    numbered = (wanted.with_name(f"{wanted.name}-{number}") for number in count(2))
    return next(folder for folder in numbered if not folder.exists())


def _show_scores(console: "Console", result: "TrainingResult", *, seconds: float) -> None:
    from polyhead.cli.tables import show_metrics  # noqa: PLC0415

    console.print(f"\nTrained in {seconds:.0f} seconds. On sentences that were kept aside:\n")
    if result.test is not None:
        show_metrics(console, result.test, title="test", labels=False)
    console.print(
        "Every name in the test sentences is new: none of them occurs in training. So the entity score tells\n"
        "how well names are found that were never seen.\n"
    )


def _show_new_texts(console: "Console", folder: Path) -> None:
    import polyhead  # noqa: PLC0415
    from polyhead.cli.showing import show_answer  # noqa: PLC0415

    console.print("What it says about texts of no file:\n")
    for answer in polyhead.load(folder).predict(NEW_TEXTS):
        show_answer(console, answer)


def _show_next(console: "Console", folder: Path) -> None:
    for line in (
        f"The model is in {folder}. Next:",
        f'  polyhead predict {folder} "Your own text"',
        "  polyhead new my-model --template topic-sentiment --encoder compact     your own recipe and rows",
        "With a network, a pretrained encoder knows far more words: name one of the hub after `--encoder`.",
    ):
        console.print(line, soft_wrap=True)
