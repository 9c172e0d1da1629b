"""Tags of any scheme (IOB1, IOB2, IOE, IOBES, BILOU) as chunks of tokens."""

import re
from collections.abc import Iterable, Sequence

PREFIXES = {"B": "B", "I": "I", "E": "E", "L": "E", "S": "S", "U": "S"}
"""What the letters before a label mean: begin, inside, end (or last), single (or unit)."""

Chunk = tuple[int, int, str]
"""First token, token after the last, label."""


def is_scheme(tags: Iterable[str]) -> bool:
    """Tell whether tags are those of chunks: all are `O` or a letter, a hyphen and a label; and one is no `O`."""
    named = [tag for tag in tags if tag != "O"]
    return bool(named) and all(re.fullmatch(r"[BIELSU]-.+", tag) for tag in named)


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """Cut tags into chunks, as the CoNLL tasks count them: tags that do not fit together make what they can.

    A chunk begins at B and S, and at I or E after another label, after O, E or S; it ends before the next one begins,
    before O, and after E and S.

    Reference:
        Tjong Kim Sang & Buchholz 2000, https://aclanthology.org/W00-0726
    """
    found: list[Chunk] = []
    begin, label = 0, ""
    before = "O"
    for place, tag in enumerate([*tags, "O"]):
        letter, _, name = tag.partition("-")
        letter = PREFIXES.get(letter, "O")
        begins = letter in {"B", "S"} or (letter in {"I", "E"} and (before in {"O", "E", "S"} or name != label))
        if before != "O" and (letter == "O" or begins):
            found.append((begin, place, label))
        if begins:
            begin, label = place, name
        before = letter
    return found
