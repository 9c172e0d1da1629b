"""`polyhead describe`: what a model is made of, in numbers and as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from polyhead.cli.extras import need_packages
from polyhead.errors import StorageError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from polyhead.model.describe import Description


def describe(
    source: Annotated[Path, typer.Argument(metavar="RECIPE|MODEL", help="A recipe file or a model folder.")],
    *,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw the architecture into this .svg file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON document.")] = False,
) -> None:
    """Show tasks, shapes, and what they share."""
    if picture is not None and picture.suffix.lower() != ".svg":
        message = f"`--picture` must be a file that ends in .svg. Found {str(picture)!r}."
        raise UsageError(message)
    need_packages("describe")
    from polyhead.cli.printing import output_console, print_json, tell  # noqa: PLC0415  the help needs no torch

    description = _of_folder(source) if source.is_dir() else _of_recipe(source)
    if picture is not None:
        _draw(description, picture)
        tell(f"The picture is in {picture}.")
    if as_json:
        print_json(description.to_json())
    else:
        _show(output_console(), description)


def _of_folder(folder: Path) -> "Description":
    from polyhead.model.describe import describe_model  # noqa: PLC0415
    from polyhead.model.multitask import MultiTaskModel  # noqa: PLC0415

    return describe_model(MultiTaskModel.from_pretrained(folder))


def _of_recipe(path: Path) -> "Description":
    from polyhead.data.dataset import load_dataset  # noqa: PLC0415
    from polyhead.model.compact import COMPACT  # noqa: PLC0415
    from polyhead.model.describe import describe_recipe  # noqa: PLC0415
    from polyhead.recipe import load_recipe  # noqa: PLC0415
    from polyhead.tasks.base import LabelledTask  # noqa: PLC0415

    recipe = load_recipe(path)
    open_labels = any(isinstance(task, LabelledTask) and task.labels is None for task in recipe.tasks.values())
    if not open_labels and recipe.encoder.name != COMPACT:
        return describe_recipe(recipe, tasks=recipe.tasks)
    # Labels that the recipe leaves open, and the vocabulary of `compact`, are in the training rows.
    data = load_dataset(recipe)
    texts = (text for indices in data.train.iterate() for text in data.train.texts(indices))
    return describe_recipe(recipe, tasks=data.tasks, texts=texts)


def _draw(description: "Description", picture: Path) -> None:
    from polyhead.cli.drawing import architecture  # noqa: PLC0415

    try:
        picture.write_text(architecture(description), encoding="utf-8")
    except OSError as error:
        message = f"{picture}: the picture cannot be written. Found: {error.strerror or error}."
        raise StorageError(message) from error


def _show(console: "Console", description: "Description") -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console.print(
        f"{description.encoder}, width {description.width}, {description.pooling} pooling, "
        f"embedding of {description.embedding_width}, up to {description.max_tokens} tokens"
    )
    table = Table("task", "kind", "reads")
    table.add_column("labels", justify="right")
    table.add_column("head")
    table.add_column("parameters", justify="right")
    for task in description.tasks:
        labels = "" if task.labels is None else str(task.labels)
        cells = (task.name, task.kind, task.level, labels, task.head, f"{task.parameters:,}")
        table.add_row(*map(Text, cells))
    console.print(table)
    passes = "one encoder pass" if description.passes == 1 else f"{description.passes} encoder passes"
    console.print(f"shared by all tasks   {description.shared:>14,} parameters, {passes} a text")
    if description.branches:
        console.print(f"{description.sharing:<22}{description.branches:>14,}")
    console.print(f"heads                 {description.private:>14,}")
    console.print(f"this model            {description.together:>14,}")
    count = len(description.tasks)
    passes = f"{count} passes a text" if count > 1 else "one pass a text"
    console.print(f"a model for each task {description.separate:>14,} parameters, {passes}")
