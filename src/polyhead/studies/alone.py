"""A recipe with one of its tasks, as if there were no other."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from polyhead.balancing.fixed import Fixed
from polyhead.data.dataset import Dataset
from polyhead.recipe import DataSource, Recipe
from polyhead.recipe_rules import ROW_FIELDS
from polyhead.sampling.temperature import Temperature
from polyhead.sharing.hard import Hard


def recipe_alone(recipe: Recipe, name: str, data: Dataset) -> Recipe:
    """Return a recipe for one of the tasks, without the files that do not label it.

    What is about several tasks, sharing, sampling and balancing, is the default.

    Args:
        recipe: a recipe of several tasks.
        name: the task.
        data: the rows of the recipe, or those of the task alone.
    """
    files = {file for rows in data.splits().values() for file in rows.for_task(name).files()}
    train, dev, test = (_sources(of, name, files) for of in (recipe.data.train, recipe.data.dev, recipe.data.test))
    return replace(
        recipe,
        # Alone it chooses the epoch, however little it counts beside others.
        tasks={name: replace(recipe.tasks[name], metric_weight=1.0)},
        data=replace(recipe.data, train=train, dev=dev, test=test),
        sharing=Hard(),
        sampling=Temperature(),
        balancing=Fixed(),
    )


def _sources(sources: Sequence[DataSource], name: str, files: Collection[str]) -> tuple[DataSource, ...]:
    kept = (source for source in sources if source.path in files)
    return tuple(
        replace(source, fields={ours: of for ours, of in source.fields.items() if ours in (*ROW_FIELDS, name)})
        for source in kept
    )
