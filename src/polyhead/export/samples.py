"""Real texts to prove an export on: those that the model's recipe names, or those that the caller gives."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from polyhead.data.reading import passages_of, read_rows
from polyhead.data.rows import Rows
from polyhead.errors import DataError, RecipeError
from polyhead.recipe import DataSource, load_recipe
from polyhead.tasks.base import Task
from polyhead.text.tokens import Passage

RECIPE = "recipe.toml"
COMPARED = 256
"""Training texts that are compared."""

MEASURED = 2000
"""Labelled rows that int8 is measured on."""


def recipe_sources(folder: Path) -> tuple[tuple[DataSource, ...], tuple[DataSource, ...]]:
    """Return the training and the dev files of a model's recipe that can be reached from here.

    Relative paths are looked for in the model folder and in the current directory.
    """
    try:
        recipe = load_recipe(folder / RECIPE)
    except RecipeError:
        return (), ()
    return _reachable(recipe.data.train, folder), _reachable(recipe.data.dev, folder)


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


def _reachable(sources: Sequence[DataSource], folder: Path) -> tuple[DataSource, ...]:
    found: list[DataSource] = []
    for source in sources:
        # A data set of the hub is not fetched to prove an export.
        path = next((path for path in (folder / source.path, Path(source.path)) if path.exists()), None)
        if path is not None:
            found.append(replace(source, path=str(path.absolute())))
    return tuple(found)
