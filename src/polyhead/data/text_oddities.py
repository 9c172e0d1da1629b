"""Find texts that were read or saved wrongly before they came here."""

from collections.abc import Iterator, Mapping

from polyhead.data.forms import is_composed, mojibake_in
from polyhead.data.rows import Rows
from polyhead.errors import Fault

SHOWN_TEXTS = 100
DECODED = "a text should be decoded as it was encoded."
ONE_FORM = "texts should be in one normal form of Unicode, NFC."


def odd_texts(splits: Mapping[str, Rows]) -> Iterator[Fault]:
    """Go through the texts that hold mojibake, and those in another normal form than the rest.

    Yields:
        A fault for each; after so many of one sort, one that counts the rest.
    """
    found = {DECODED: 0, ONE_FORM: 0}
    for rows in splits.values():
        for batch in rows.iterate():
            for index, text in zip(batch, rows.texts(batch), strict=True):
                if text.isascii():
                    continue
                for sort, fault in _faults_of(rows, index, text):
                    found[sort] += 1
                    if found[sort] <= SHOWN_TEXTS:
                        yield fault
    for sort, count in found.items():
        if count > SHOWN_TEXTS:
            yield Fault("data", f"{sort} Found {count - SHOWN_TEXTS:,} more.")


def _faults_of(rows: Rows, index: int, text: str) -> Iterator[tuple[str, Fault]]:
    piece = mojibake_in(text)
    if piece is not None:
        lost = piece == "\ufffd"
        advice = "What it stood for is lost; look at the source." if lost else "Save the source again as UTF-8."
        yield DECODED, Fault(rows.place(index), f"{DECODED} Found {piece!r} in it.", advice)
    if not is_composed(text):
        rule = f"{ONE_FORM} Found characters that are taken apart."
        yield ONE_FORM, Fault(rows.place(index), rule, "`--fix` brings them together.")
