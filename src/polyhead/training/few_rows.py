"""Whether there is too little to fine-tune a pretrained encoder on, and nothing that would tell when that harms it."""

from collections.abc import Mapping, Sequence

from polyhead.data.dataset import Dataset
from polyhead.model.compact import COMPACT
from polyhead.recipe import Recipe
from polyhead.sharing.hard import Hard
from polyhead.tasks.base import HeadTask, Task

ENOUGH = 50
"""Labelled rows for each number that a head gives, from which fine-tuning is worth its risk."""

FEW = (
    f"fewer than {ENOUGH} rows a label and no dev rows: the encoder stays as it is, and the heads are regressions on "
    'its embeddings. Dev rows, or `training.freeze = "none"`, let it learn.'
)

STILL = (
    "no dev rows and an encoder that stands still: the heads are regressions on its embeddings. Dev rows, or a number "
    "of epochs, let them learn on."
)


def settled_by_regression(recipe: Recipe, data: Dataset, *, fitted: Sequence[str], still: bool) -> bool:
    """Tell whether nothing is left to train once heads have been fitted.

    A regression on embeddings that do not change is at its best, and without dev rows nothing tells when more is less.

    Args:
        recipe: what to train.
        data: its rows.
        fitted: the tasks whose heads were fitted.
        still: whether the encoder does not learn.
    """
    chosen = recipe.training.epochs is not None or recipe.training.max_steps is not None
    return still and not chosen and data.dev is None and len(fitted) == len(_trained(data.tasks))


def too_few(recipe: Recipe, data: Dataset) -> bool:
    """Tell whether heads fitted to the encoder as it is are the safer answer than fine-tuning.

    Without dev rows nothing tells whether fine-tuning made the model worse, which a few rows can do. It is for recipes
    that leave the length of the training and what is frozen open, and for tasks that all read the sentence embedding.

    Args:
        recipe: what to train.
        data: its rows, and its tasks with their labels known.
    """
    training = recipe.training
    chosen = training.freeze is not None or training.epochs is not None or training.max_steps is not None
    if chosen or not training.linear_probe or recipe.encoder.name == COMPACT or data.dev is not None:
        return False
    rows = dict(zip(data.tasks, data.train.labelled.sum(axis=0).tolist(), strict=True))
    return isinstance(recipe.sharing, Hard) and all(
        _few(task, rows[name]) for name, task in _trained(data.tasks).items()
    )


def _trained(tasks: Mapping[str, Task]) -> dict[str, Task]:
    """Return the tasks that take part in training."""
    return {name: task for name, task in tasks.items() if task.weight > 0}


def _few(task: Task, rows: int) -> bool:
    return isinstance(task, HeadTask) and task.level == "text" and rows < ENOUGH * task.outputs
