"""What counts as a number in a row."""

import math


def is_number(item: object) -> bool:
    """Tell whether a value is a finite number, and no truth value; whole numbers beyond a float's range are not."""
    if not isinstance(item, int | float) or isinstance(item, bool):
        return False
    try:
        return math.isfinite(item)
    except OverflowError:
        return False
