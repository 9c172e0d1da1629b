"""Rules of the recipe that concern more than one value, as validators of its records' fields."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationInfo

from polyhead.balancing.base import Balancing
from polyhead.errors import did_you_mean, found_instead
from polyhead.recipe_faults import broken, shown
from polyhead.sampling.base import Sampling
from polyhead.sharing.base import Sharing
from polyhead.tasks.base import Task

ROW_FIELDS = ("text", "text_pair", "tokens")
"""The fields of a row that are no task's; a task cannot bear these names."""

FREEZES = ("none", "embeddings", "all")
"""What of the encoder can stay as it is, beside a number of its first layers."""

FORMATS = (
    "jsonl",
    "json",
    "csv",
    "tsv",
    "parquet",
    "huggingface",
    "conll",
    "joint",
    "spacy",
    "label-studio",
    "doccano",
    "prodigy",
    "markup",
)
"""What `format` of a file of rows may say; `data/formats` has a reader for each."""


def task_name(name: str) -> str:
    """Hold a task's name to letters, digits, `_` and `-`, so that files and outputs can bear it."""
    if name in ROW_FIELDS:
        raise broken(rule=f"must be none of {', '.join(map(repr, ROW_FIELDS))}: rows have fields of these names.")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise broken(rule=f"must be a name of letters a-z, digits, `_` and `-`, a letter first. Found {name!r}.")
    return name


def row_field(name: str, validation: ValidationInfo) -> str:
    """Hold the keys of `fields` to what a row can have; the context lists the tasks."""
    tasks: Sequence[str] = cast("Any", validation.context)["tasks"]
    allowed = (*ROW_FIELDS, *tasks)
    if name not in allowed:
        known = ", ".join(map(repr, ROW_FIELDS))
        rule = f"must be {known} or the name of a task. Found {name!r}{did_you_mean(name, allowed)}"
        raise broken(rule=rule, advice="`fields` reads: our name = column of the file.")
    return name


def one_length(steps: int | None, validation: ValidationInfo) -> int | None:
    """Refuse `max_steps` beside `epochs`."""
    if steps is not None and validation.data.get("epochs") is not None:
        raise broken(rule=f"must not be given beside `epochs`. Found {steps}.", advice="Keep one of the two.")
    return steps


def some_left(test: float, validation: ValidationInfo) -> float:
    """Refuse shares that leave no rows to train on."""
    dev = validation.data.get("dev") or 0.0
    if dev + test >= 1:
        raise broken(rule=f"`dev` and `test` must leave rows to train on. Found {dev} and {test}.")
    return test


def not_twice(split: Any, validation: ValidationInfo) -> Any:  # noqa: ANN401  the record of the recipe
    """Refuse shares of a split that has files of its own."""
    for name in ("dev", "test"):
        if split is not None and getattr(split, name) and validation.data.get(name):
            rule = f"must not give a share to `{name}`, which has files of its own. Found {getattr(split, name)}."
            raise broken(rule=rule, advice="Keep one of the two.")
    return split


def some_trained(tasks: Mapping[str, Task]) -> Mapping[str, Task]:
    """Refuse a recipe that trains nothing."""
    if not any(task.weight for task in tasks.values()):
        raise broken(rule="must hold a task whose weight is above 0. Found none, so nothing would be trained.")
    return tasks


def freezing(value: object) -> str | int:
    """Take `none`, `embeddings`, `all`, or a number of layers."""
    if value in FREEZES or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return cast("str | int", value)
    words = ", ".join(map(repr, FREEZES))
    raise broken(rule=f"must be one of {words}, or how many of the first layers. Found {shown(value)}.")


def of_tasks(settings: Sampling | Sharing, validation: ValidationInfo) -> Any:  # noqa: ANN401  given back as it came
    """Hold the tasks that settings name to those of the recipe."""
    tasks = _names_of_tasks(validation)
    # Without any table of tasks there is nothing to compare with, which is a fault of its own.
    unknown = [name for name in dict.fromkeys(settings.named_tasks) if name not in tasks] if tasks else []
    if unknown:
        rule = f"must name tasks of the recipe. {found_instead(unknown, tasks)}"
        raise broken(rule=rule, advice=f"They are {', '.join(map(repr, tasks))}.")
    return settings


def joinable(balancing: Balancing, validation: ValidationInfo) -> Balancing:
    """Refuse to join or to compare gradients where the tasks share nothing that they go through."""
    tasks, sharing = _names_of_tasks(validation), validation.data.get("sharing")
    if not tasks or sharing is None:
        return balancing
    places, at = sharing.joined_at(tasks), getattr(balancing, "at", None)
    if balancing.measures_shared and "representation" not in places:
        rule = f"must not be {balancing.kind!r} with sharing kind {sharing.kind!r}: no layer is common to all tasks."
        raise broken(rule=rule, advice="Use a kind that measures no gradients, such as 'fixed' or 'dwa'.")
    if at is None or at in places:
        return balancing
    advice = f"Write at = {places[0]!r}." if places else "Use a kind that weighs losses, such as 'fixed'."
    rule = f"must join gradients at what all tasks share with sharing kind {sharing.kind!r}. Found at = {at!r}."
    raise broken(rule=rule, advice=advice)


def _names_of_tasks(validation: ValidationInfo) -> tuple[str, ...]:
    """Return the names in the table of tasks, of those with faults of their own, too."""
    return tuple(cast("Any", validation.context)["tasks"])


def no_key(value: Any) -> None:  # noqa: ANN401  refused, whatever it is
    """Refuse a field of the record that the file cannot set."""
    raise broken(rule=f"is no key of the recipe. Found {shown(value)}.", advice="Paths start at the recipe's folder.")
