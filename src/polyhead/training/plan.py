"""What a run trains on and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyhead.balancing.base import At
from polyhead.data.order import EpochOrder
from polyhead.data.rows import Rows
from polyhead.recipe import Recipe
from polyhead.spans import Integers
from polyhead.training.defaults import Settings
from polyhead.training.steps import BatchMaker


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run trains on and how; nothing in it changes while it runs.

    Args:
        recipe: the recipe, labels filled in.
        settings: the training settings with nothing left open.
        order: which rows come when.
        lengths: tokens of each training row, shape `(rows,)`.
        place: where the gradients of the tasks meet, if they do.
        batches: turns row numbers into labelled batches.
        dev: the rows that pick the best epoch, if there are any.
        fingerprint: what must not change between a run and its resumption.
    """

    recipe: Recipe
    settings: Settings
    order: EpochOrder
    lengths: Integers
    place: At | None
    batches: BatchMaker
    dev: Rows | None
    fingerprint: Mapping[str, Any]
