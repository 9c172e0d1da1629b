"""Where the gradients of several tasks meet: elsewhere they cannot conflict, and joining them changes nothing."""

from polyhead.balancing.base import At, Balancing
from polyhead.data.order import EpochOrder
from polyhead.errors import UsageError


def meeting_place(order: EpochOrder, *, accumulate: int) -> At | None:
    """Find the cheapest place at which the gradients of two tasks can have something in common.

    Args:
        order: which rows come together in a batch.
        accumulate: batches of a step.

    Returns:
        The token states, where a row has labels of two tasks; the weights, where only a step has; else nothing.
    """
    if order.most_labels > 1:
        return "representation"
    return "parameters" if order.mix or accumulate > 1 else None


def joins_nothing(balancing: Balancing, place: At | None) -> str | None:
    """Say why joining gradients will do what adding them up does; nothing when it may do more.

    Gradients that have no number in common are at right angles. Some methods then add them up or average them; others
    still weigh them by their lengths.

    Args:
        balancing: of the recipe.
        place: where gradients meet.
    """
    at: At | None = getattr(balancing, "at", None)
    does: str | None = getattr(balancing, "of_parted", None)
    if at is None or place in {"representation", at} or (place is not None and does is None):
        return None
    if place is None:
        does = "sum"
        why = "each step holds one task. Mix tasks in a batch, or set `training.accumulate`"
    else:
        why = (
            "no row has labels of two tasks, so their gradients never meet at the token states. "
            'Set `balancing.at = "parameters"`, at two to four times the cost of a step'
        )
    return f"balancing {balancing.kind!r} will do what the plain {does} does: {why}"


def refuse_unmeasured(balancing: Balancing, *, still: bool) -> None:
    """Refuse a way of balancing that measures gradients of a shared layer where none learns.

    Raises:
        UsageError: the encoder stands still.
    """
    if still and balancing.measures_shared:
        rule = f"`balancing.kind` must not be {balancing.kind!r} where the encoder stands still: nothing shared learns"
        message = f"{rule}. Use a kind that measures no gradients, such as 'fixed' or 'dwa'."
        raise UsageError(message)
