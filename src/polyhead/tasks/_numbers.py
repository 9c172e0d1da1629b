"""What counts as a number in a row."""

LARGEST = 1e100
"""Sums of squares of larger numbers would be infinite."""


def is_number(item: object) -> bool:
    """Tell whether a value is a number of at most 1e100 either way, and no truth value."""
    return isinstance(item, int | float) and not isinstance(item, bool) and -LARGEST <= item <= LARGEST
