"""What the shares of an epoch depend on, and where it begins."""

from collections.abc import Mapping

from polyhead.data.order import Epoch, EpochOrder
from polyhead.sampling.base import Course
from polyhead.training.defaults import Settings
from polyhead.training.standing import Standing


def course(standing: Standing, settings: Settings) -> Course:
    """Tell a sampling how the training has gone before the epoch that begins."""
    scores = tuple(record["dev"] for record in standing.history if "dev" in record)
    if settings.max_steps is not None:
        return Course(progress=standing.step / settings.max_steps, scores=scores)
    return Course(progress=standing.epoch / max(1, settings.epochs - 1), scores=scores)


def next_epoch(order: EpochOrder, standing: Standing, shares: Mapping[str, float]) -> Epoch:
    """Return the beginning of the epoch that a training comes to; one whose first step failed has begun already."""
    if standing.order is None:
        return order.first(shares)
    last = Epoch.from_json(standing.order)
    return last if last.number == standing.epoch else order.after(last, shares)
