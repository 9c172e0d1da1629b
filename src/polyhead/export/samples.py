"""Real texts to prove an export on: those that the model's recipe names, or those that the caller gives."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from polyhead.data.reading import passages_of, read_rows
from polyhead.data.rows import Rows
from polyhead.errors import DataError, FolderError, RecipeError
from polyhead.recipe import DataSource, Recipe, load_recipe
from polyhead.tasks.base import Task
from polyhead.text.tokens import Passage
from polyhead.training.adding import load_added_recipe
from polyhead.training.result import recipes_in

COMPARED = 256
"""Training texts that are compared."""

MEASURED = 2000
"""Labelled rows that int8 is measured on."""


def recipe_sources(folder: Path) -> tuple[tuple[DataSource, ...], tuple[DataSource, ...]]:
    """Return the training and the dev files of a model's recipes that can be reached from here.

    Relative paths are looked for in the model folder and in the current directory.
    """
    recipes = [recipe for path in recipes_in(folder) if (recipe := _read(path)) is not None]
    train, dev = (
        tuple(source for recipe in recipes for source in _reachable(getattr(recipe.data, split), folder))
        for split in ("train", "dev")
    )
    return train, dev


def first_passages(sources: Sequence[DataSource]) -> list[Passage]:
    """Return what a model reads of the first rows of some files."""
    return list(islice((passage for source in sources for passage in passages_of(source, folder=Path())), COMPARED))


def labelled_rows(sources: Sequence[DataSource], tasks: Mapping[str, Task]) -> Rows | None:
    """Return the first rows of some files, or nothing when there are no files.

    Raises:
        DataError: rows are wrong; every fault is listed.
    """
    if not sources:
        return None
    read = read_rows(sources, tasks, folder=Path())
    faults = (*read.file_faults, *read.faults)
    if faults:
        title = "the rows that int8 is measured on"
        raise DataError(title, faults)
    return read.rows.without(range(MEASURED, len(read.rows))) if len(read.rows) > MEASURED else read.rows


def _read(path: Path) -> Recipe | None:
    """Read a recipe of a model folder, that of added tasks too; nothing where it is none."""
    for read in (load_recipe, partial(load_added_recipe, base=path.parent)):
        try:
            return read(path)
        except (FolderError, RecipeError):
            continue
    return None


def _reachable(sources: Sequence[DataSource], folder: Path) -> tuple[DataSource, ...]:
    found: list[DataSource] = []
    for source in sources:
        # A data set of the hub is not fetched to prove an export.
        path = next((path for path in (folder / source.path, Path(source.path)) if path.exists()), None)
        if path is not None:
            found.append(replace(source, path=str(path.absolute())))
    return tuple(found)
