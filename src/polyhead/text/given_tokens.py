"""Rows that come as tokens: the text they make, and where each token is in it."""

import json
from collections.abc import Sequence
from itertools import accumulate
from typing import cast


def read_tokens(value: object, problems: list[str]) -> list[str] | None:
    """Check the tokens of a row.

    Args:
        value: what the row holds; never null.
        problems: receives one sentence when it is no list of tokens.
    """
    if isinstance(value, str):
        # A cell of a format without lists.
        value = _tokens_in(value)
    if not isinstance(value, list):
        problems.append(f"tokens must be a list of strings. Found {value!r}.")
        return None
    for number, token in enumerate(cast("list[object]", value)):
        if not isinstance(token, str) or not token or token.isspace():
            problems.append(f"a token must be a string that is more than white space. Found {token!r} at {number}.")
            return None
    return cast("list[str]", value)


def _tokens_in(cell: str) -> object:
    if not cell.startswith("["):
        return cell.split()
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell


def joined(tokens: Sequence[str]) -> tuple[str, list[int]]:
    """Make a text of tokens by single spaces; return it and the borders of the tokens, flat."""
    starts = accumulate((len(token) + 1 for token in tokens), initial=0)
    borders = [border for start, token in zip(starts, tokens, strict=False) for border in (start, start + len(token))]
    return " ".join(tokens), borders


def placed(tokens: Sequence[str], text: str | None, problems: list[str]) -> tuple[str, list[int] | None]:
    """Bring tokens and their text together; without a text, they make it.

    Args:
        tokens: strings that are more than white space.
        text: what they stand in, if it came with them.
        problems: receives one sentence when they do not follow each other in it.

    Returns:
        The text, and the borders of the tokens, flat; none where a problem was found.
    """
    if text is None:
        return joined(tokens)
    place = located(tokens, text)
    if isinstance(place, str):
        problems.append(f"tokens must follow each other in the text. Found no {place!r} there.")
        return text, None
    return text, place


def located(tokens: Sequence[str], text: str) -> list[int] | str:
    """Find tokens in a text, one after the other; return their borders, flat, or the first token that is not there."""
    joint, borders = joined(tokens)
    if joint == text:
        return borders
    place, borders = 0, []
    for token in tokens:
        start = text.find(token, place)
        if start < 0:
            return token
        place = start + len(token)
        borders += start, place
    return borders
