"""Tags of tokens and the spans that they stand for: IOB1, IOB2 and BIOES alike (BILOU and BMEWO are BIOES too)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

OPENING, INSIDE, CLOSING, SINGLE = "B", "IM", "EL", "SUW"
PREFIXES = OPENING + INSIDE + CLOSING + SINGLE
OUTSIDE = "O"


@dataclass(slots=True)
class _Run:
    """The span that is being read: its label, and its first and last token."""

    label: str
    first: int
    last: int


def is_chunk_tag(tag: object) -> bool:
    """Tell whether a tag says where a span begins or goes on, or that there is none."""
    if not isinstance(tag, str):
        return False
    return tag == OUTSIDE or (len(tag) > 2 and tag[1] in "-_" and tag[0] in PREFIXES)  # noqa: PLR2004  X-label


def are_chunk_tags(value: object) -> bool:
    """Tell whether a value is a list of tags, each of which says where a span begins or goes on."""
    return isinstance(value, list) and bool(value) and all(map(is_chunk_tag, cast("list[object]", value)))


def runs_of(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Read tags of any scheme as spans of tokens.

    Returns:
        First token, token after the last, and label of each span. A tag that continues nothing opens a span, as
        IOB1 writes it and as the scorers of the shared tasks read it.
    """
    found: list[tuple[int, int, str]] = []
    run: _Run | None = None
    for place, tag in enumerate(tags):
        border, label = tag[0], tag[2:]
        goes_on = run is not None and tag != OUTSIDE and border in INSIDE + CLOSING and run.label == label
        if run is not None and goes_on:
            run.last = place
        else:
            if run is not None:
                found.append((run.first, run.last + 1, run.label))
            run = None if tag == OUTSIDE else _Run(label, place, place)
        if run is not None and border in CLOSING + SINGLE:
            found.append((run.first, run.last + 1, run.label))
            run = None
    if run is not None:
        found.append((run.first, run.last + 1, run.label))
    return found


def spans_of_tags(tags: Sequence[str], borders: Sequence[int], text: str) -> list[dict[str, Any]]:
    """Turn tags into spans of characters.

    Args:
        tags: one a token.
        borders: code points of the tokens, flat: start, end, start, end, …
        text: the text.
    """
    return [
        {"start": borders[2 * first], "end": borders[2 * end - 1], "label": label,
         "text": text[borders[2 * first] : borders[2 * end - 1]]}
        for first, end, label in runs_of(tags)
    ]  # fmt: skip


def tags_of_spans(spans: Iterable[Mapping[str, Any]], borders: Sequence[int]) -> list[str] | None:
    """Turn spans of characters into IOB2 tags; nothing when they overlap or do not keep to the tokens."""
    starts, ends = np.asarray(borders[::2]), np.asarray(borders[1::2])
    tags = [OUTSIDE] * len(starts)
    for span in spans:
        inside = np.flatnonzero((starts >= span["start"]) & (ends <= span["end"])).tolist()
        if not inside or starts[inside[0]] != span["start"] or ends[inside[-1]] != span["end"]:
            return None
        if any(tags[place] != OUTSIDE for place in inside):
            return None
        tags[inside[0]] = f"B-{span['label']}"
        for place in inside[1:]:
            tags[place] = f"I-{span['label']}"
    return tags
