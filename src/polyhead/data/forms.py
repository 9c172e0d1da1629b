"""The form of texts: what makes two of them the same, and what shows that one was read or saved wrongly."""

import re
import unicodedata

HIGH = "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2010-\u203a\u20ac\u2122"
MOJIBAKE = re.compile(f"[\u00c2\u00c3][{HIGH}]|\u00e2[\u0080-\u009f\u201a\u20ac]|\u00f0[\u009f\u0178]|\ufffd")
"""UTF-8 that was read as Latin-1 or Windows-1252, and the sign that stands for characters that were lost."""


def normal_form(text: str, pair: str | None = None) -> str:
    """Bring a text to the form that equal texts share: white space, letter case and composed characters aside."""
    normal = " ".join(text.casefold().split())
    if not normal.isascii():
        normal = unicodedata.normalize("NFC", normal)
    # No normal form holds a line end, so that a pair is never taken for a text.
    return normal if pair is None else f"{normal}\n{normal_form(pair)}"


def mojibake_in(text: str) -> str | None:
    """Return the first piece of a text that looks wrongly decoded."""
    if text.isascii():
        return None
    found = MOJIBAKE.search(text)
    return found[0] if found else None


def is_composed(text: str) -> bool:
    """Tell whether a text is in normal form C, in which a letter and its accent are one character."""
    return text.isascii() or unicodedata.is_normalized("NFC", text)
