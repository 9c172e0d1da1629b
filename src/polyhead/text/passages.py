"""A row that is asked about, as the encoder reads it: its text, a second one, the tokens that came with it."""

from collections.abc import Mapping

import numpy as np

from polyhead.errors import did_you_mean
from polyhead.text.given_tokens import placed, read_tokens
from polyhead.text.tokenized import Passage


def read_passage(row: Mapping[str, object], problems: list[str], *, per_token: bool = True) -> str | Passage | None:
    """Read `text`, `text_pair` and `tokens`; a field that is absent or null is not there, and others are not read.

    Args:
        row: what the caller gave.
        problems: receives a sentence for each thing that is wrong.
        per_token: whether answers are given a token. Where they are not, tokens beside a text are not looked at.

    Returns:
        The text, alone when nothing came with it; nothing when something is wrong.
    """
    text, pair = (_string(row, name, problems) for name in ("text", "text_pair"))
    tokens = row.get("tokens") if per_token or text is None else None
    if text is None and tokens is None:
        if not problems:
            found = f"the fields {list(row)}{did_you_mean('text', row)}" if "text" not in row else "None."
            problems.append(f"a row must hold its text, a string, in the field `text`. Found {found}")
        return None
    borders = None
    given = None if tokens is None else read_tokens(tokens, problems)
    if given is not None:
        text, borders = placed(given, text, problems)
    if problems or text is None:
        return None
    if not pair and borders is None:
        return text
    return Passage(text, pair or None, None if borders is None else np.array(borders, dtype=np.int64).reshape(-1, 2))


def _string(row: Mapping[str, object], name: str, problems: list[str]) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value
    problems.append(f"`{name}` must be a string. Found {value!r}.")
    return None
