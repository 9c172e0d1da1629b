"""How well entities are found whose names training never showed: what is left when nothing is known by heart."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from polyhead.data.rows import Rows
from polyhead.metrics import Counts
from polyhead.spans import Span
from polyhead.tasks.entities import Entities, EntitiesAnswer

Name = tuple[str, str]
"""A label and the text of a mention, its case folded."""

Names = Mapping[str, frozenset[Name]]
"""What was seen, by task."""


def names_in(rows: Rows) -> Names:
    """Collect the names that rows label, for each task that labels entities."""
    tasks = [name for name, task in rows.tasks.items() if isinstance(task, Entities)]
    found: dict[str, set[Name]] = {task: set() for task in tasks}
    for batch in rows.iterate():
        for task, names in found.items():
            for spans in cast("Sequence[Sequence[Span] | None]", rows.values(task, batch)):
                names.update(_name(span) for span in spans or ())
    return {task: frozenset(names) for task, names in found.items()}


def unseen_scores(
    values: Sequence[Sequence[Span]], answers: Sequence[EntitiesAnswer], seen: frozenset[Name]
) -> dict[str, Any]:
    """Score the mentions alone whose names were not seen, in the gold and in the answers.

    Args:
        values: gold spans of each text.
        answers: what was answered about each.
        seen: the names of the training rows.

    Returns:
        `unseen_f1` over exact borders and label, and `unseen_support`, how many such mentions the gold has; empty when
        it has none.
    """
    counts = Counts()
    for value, answer in zip(values, answers, strict=True):
        gold = {(s.start, s.end, s.label) for s in value if _name(s) not in seen}
        given = {(s.start, s.end, s.label) for s in answer.spans if _name(s) not in seen}
        counts.right += len(gold & given)
        counts.in_vain += len(given - gold)
        counts.missed += len(gold - given)
    return {"unseen_f1": counts.f1, "unseen_support": counts.support} if counts.support else {}


def _name(span: Span) -> Name:
    return span.label, (span.text or "").casefold()
