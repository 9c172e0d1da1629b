"""`polyhead new`: a recipe and sample rows to begin with."""

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from polyhead.errors import StorageError, UsageError, did_you_mean


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    *,
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help="What to begin with: topic-sentiment or topic-entities.")
    ],
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help="A hub id, a local folder, or `compact`, which needs no download. Default: the template's.",
        ),
    ] = None,
) -> None:
    """Make a folder with a working recipe and sample rows."""
    known = templates()
    if template not in known:
        allowed = ", ".join(map(repr, known))
        message = f"`--template` must be one of {allowed}. Found {template!r}{did_you_mean(template, known)}"
        raise UsageError(message)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} must be a new or an empty folder, so that nothing of yours is replaced. Found {folder}."
        raise UsageError(message)
    try:
        _copy(_home() / template, folder)
        if encoder is not None:
            _set_encoder(folder / "recipe.toml", encoder)
    except OSError as error:
        message = f"{folder}: the template cannot be written. Found: {error.strerror or error}."
        raise StorageError(message) from error
    typer.echo(f"{folder} holds recipe.toml and sample rows in data/. Next:")
    typer.echo(f"  polyhead check {folder}/recipe.toml")
    typer.echo(f"  polyhead train {folder}/recipe.toml --output {folder}/model")


def templates() -> tuple[str, ...]:
    """List the templates there are."""
    return tuple(sorted(entry.name for entry in _home().iterdir() if entry.is_dir()))


def _home() -> Traversable:
    return files("polyhead") / "templates"


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            _copy(entry, target / entry.name)
        else:
            (target / entry.name).write_bytes(entry.read_bytes())


def _set_encoder(recipe: Path, encoder: str) -> None:
    """Replace the one `name` of a template's recipe, so that its comments stay."""
    lines = recipe.read_text(encoding="utf-8").splitlines()
    # JSON's strings are TOML's basic strings.
    named = [f"name = {json.dumps(encoder)}" if line.startswith("name = ") else line for line in lines]
    recipe.write_text("\n".join(named) + "\n", encoding="utf-8")
