"""Find labelled spans that no sequence of tags can say, because they cut a word in two."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from polyhead.data.rows import Rows
from polyhead.errors import Fault
from polyhead.spans import Integers, Span
from polyhead.text.tokens import TextTokenizer
from polyhead.text.words import code_points, word_starts


@runtime_checkable
class SpanTask(Protocol):
    """A task whose values are spans that begin and end where words do."""

    def misaligned(self, value: Any, words: Integers) -> list[Span]:  # noqa: ANN401  each kind has its own
        """List the spans that do not begin and end at the borders `(words, 2)`."""
        ...


def misaligned_rows(rows: Rows, *, tokenizer: TextTokenizer | None = None) -> Iterator[tuple[int, Fault]]:
    """Go through the rows that are labelled for span tasks.

    Args:
        rows: the rows of a split.
        tokenizer: the tokenizer of the encoder, whose tokens may join words; the words of the text when absent.

    Yields:
        The row and a fault, for each span that does not begin and end where words do.
    """
    tasks = {name: task for name, task in rows.tasks.items() if isinstance(task, SpanTask)}
    for batch in rows.iterate():
        held = {name: rows.values(name, batch) for name in tasks}
        # Most rows of many data sets have no span, and need no words then.
        places = [place for place in range(len(batch)) if any(values[place] for values in held.values())]
        if not places:
            continue
        words = _words(rows.texts([batch[place] for place in places]), tokenizer)
        for name, task in tasks.items():
            for place, (borders, reach) in zip(places, words, strict=True):
                for span in task.misaligned(held[name][place] or (), borders):
                    if span.end <= reach:
                        yield batch[place], _fault(rows.place(batch[place]), name, span, words=borders)


def words_of(texts: Sequence[str]) -> list[Integers]:
    """Find the words of texts by their characters alone.

    Returns:
        Code points `[start, end)` of the words of each text, shape `(words, 2)`.
    """
    codes = code_points("".join(text + " " for text in texts))
    begins, space = word_starts(codes)
    last_visible = np.maximum.accumulate(np.where(space, -1, np.arange(len(codes))))
    starts = np.flatnonzero(begins)
    before_next = np.append(starts[1:], len(codes))[: len(starts)] - 1
    borders = np.stack([starts, last_visible[before_next] + 1], axis=1)
    lengths = np.array([len(text) + 1 for text in texts], dtype=np.int64)
    ends = np.cumsum(lengths)
    parts = np.split(borders, np.searchsorted(starts, ends))[:-1]
    return [part - (end - length) for part, end, length in zip(parts, ends, lengths, strict=True)]


def _words(texts: Sequence[str], tokenizer: TextTokenizer | None) -> list[tuple[Integers, int]]:
    """Return the borders of each text's words, and how far they reach.

    Spans beyond are not at fault: what was cut off as too long, training does not see either.
    """
    if tokenizer is not None:
        batch = tokenizer.batch(tokenizer.tokenize(texts))
        if batch.words is not None and batch.borders is not None:
            words = [borders[mask] for mask, borders in zip(batch.words, batch.borders, strict=True)]
            reach = np.where(batch.truncated, batch.borders[..., 1].max(axis=1), [len(text) for text in texts])
            return list(zip(words, reach.tolist(), strict=True))
    return [(words, len(text)) for words, text in zip(words_of(texts), texts, strict=True)]


def _fault(place: str, task: str, span: Span, *, words: Integers) -> Fault:
    inside = words[(words[:, 1] > span.start) & (words[:, 0] < span.end)]
    rule = f"{task}: an entity must begin and end where words do. Found {span.text!r} ({span.start}-{span.end})"
    if not len(inside):
        return Fault(place, f"{rule}, which holds no word.", "Remove it.")
    start, end = int(inside[:, 0].min()), int(inside[:, 1].max())
    return Fault(place, f"{rule} within the words {start}-{end}.", f"Label {start}-{end}, or separate the words.")
