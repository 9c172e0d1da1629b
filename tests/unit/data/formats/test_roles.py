"""One column for each place that a format has, the same in all rows."""

from typing import Any

import pytest

from polyhead.data.formats.base import Losses
from polyhead.data.formats.roles import Roles, note_apart, roles_of, tag_columns

SPAN = [{"start": 0, "end": 1, "label": "X"}]


def roles(*records: dict[str, Any]) -> Roles:
    return roles_of([{"text": "a b", **record} for record in records], spans="entities", labels="label")


def test_the_first_columns_are_taken_unless_others_bear_the_name() -> None:
    assert roles({"x": SPAN, "y": SPAN, "z": "l", "w": "l"}) == Roles("x", "z", ("l",), several=False)
    found = roles({"x": SPAN, "z": "l"}, {"label": "m", "entities": SPAN}, {"label": "n"})
    assert found == Roles("entities", "label", ("m", "n"), several=False)


@pytest.mark.parametrize("others", [["l", "m"], [], {"yes": [], "no": ["m"]}])
def test_rows_may_have_several_labels_or_none(others: object) -> None:
    found = roles({"tags": ["l"]}, {"tags": others})
    assert (found.spans, found.labels, found.several) == ("", "tags", True)


def test_empty_lists_alone_say_that_there_are_no_spans() -> None:
    assert roles({"x": []}, {"x": None}) == Roles("x", "", (), several=False)


def test_tags_of_tokens_are_no_labels_of_the_text() -> None:
    records = [{"tokens": ["a", "b"], "pos": ["N", "V"], "tags": ["l"]}, {"tokens": ["a"], "empty": []}]
    assert roles_of(records, spans="", labels="").labels == "tags"
    assert tag_columns(records) == ["pos"]


def test_labels_that_stay_where_they_are_are_told() -> None:
    losses = Losses()
    note_apart({"tags": {"yes": ["l"], "no": []}}, roles({"tags": ["l"]}), losses)
    note_apart({"other": 1}, roles({"tags": ["l"]}), losses)
    assert dict(losses.counts) == {"tags: labels that are no list stay in a column of this name": 1}
