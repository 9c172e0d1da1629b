"""Which columns take the places that a format has for spans, tags and labels: told by all rows together."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, cast

from polyhead.data.formats.base import Losses, Record
from polyhead.data.formats.shapes import borders_of, choices_in, columns_of, spans_in, tags_in


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns that hold spans and labels; every row of a file keeps to them.

    Args:
        spans: the column of spans; empty where there is none.
        labels: the column of labels of the text; empty where there is none.
        inventory: the labels in that column.
        several: whether rows may have no label there, or several.
    """

    spans: str
    labels: str
    inventory: tuple[str, ...]
    several: bool


def roles_of(records: Iterable[Record], *, spans: str, labels: str) -> Roles:
    """Find the columns of spans and of labels.

    Args:
        records: all rows.
        spans: the column that is taken for spans where there is a choice; else it is the first.
        labels: the same for labels.
    """
    holders: dict[str, None] = {}
    empty: dict[str, None] = {}
    chosen: dict[str, dict[str, None]] = {}
    lists: set[str] = set()
    for record in records:
        for name, value in columns_of(record).items():
            if value == []:
                empty[name] = None
            elif spans_in(value, record) is not None:
                holders[name] = None
            elif (choices := choices_in(value)) and not _is_per_token(value, record):
                chosen.setdefault(name, {}).update(dict.fromkeys(choices))
                lists |= {name} if isinstance(value, list) else set()
            elif is_partial(value):
                chosen.setdefault(name, {}).update(dict.fromkeys([*value["yes"], *value["no"]]))
                lists.add(name)
    # A column of nothing but empty lists says that there are no spans.
    named = _first([*holders, *(name for name in empty if name not in chosen)], spans)
    labelled = _first([name for name in chosen if name != named], labels)
    several = labelled in lists or labelled in empty
    return Roles(named, labelled, tuple(chosen.get(labelled, ())), several=several)


def is_partial(value: Any) -> bool:  # noqa: ANN401  whatever a row holds
    """Tell whether a value says of some labels only whether the text bears them."""
    return isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {"yes", "no"}


def note_apart(columns: Collection[str], roles: Roles, losses: Losses) -> None:
    """Note a row whose labels could not go where those of other rows did.

    Args:
        columns: the columns that are left as they are.
        roles: where the others went.
        losses: receives the note.
    """
    if roles.labels in columns:
        losses.note(f"{roles.labels}: labels that are no list stay in a column of this name")


def tag_columns(records: Iterable[Record]) -> list[str]:
    """Find the columns that hold tags or spans in some row; an empty list alone says nothing."""
    found: dict[str, None] = {}
    for record in records:
        for name, value in columns_of(record).items():
            if name not in found and value and tags_in(name, value, record, Losses()) is not None:
                found[name] = None
    return list(found)


def _first(columns: Collection[str], wanted: str) -> str:
    return wanted if wanted in columns else next(iter(columns), "")


def _is_per_token(value: Any, record: Record) -> bool:  # noqa: ANN401  whatever a row holds
    is_list = isinstance(value, list) and "tokens" in record
    return is_list and len(cast("list[Any]", value)) == len(borders_of(record)) // 2
