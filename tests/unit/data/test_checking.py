"""The table of broken rows: every way in which a row can be wrong, and what its fault says."""

from typing import Any

import pytest

from polyhead.data.checking import AllowedLabels, RowCheck
from polyhead.data.columns import Row
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification

TEXT = "Fetch Rewards is awesome and is America's number one app"


def entity(start: object, end: object, label: object = "ORG", text: object = None) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, "text": text}


# row -> what its one fault says
BROKEN_ROWS = {
    "text is absent": ({"topic": "a"}, "a row must hold its text in the column 'text'. Found none."),
    "text is null": ({"text": None, "topic": "a"}, "a row must hold its text in the column 'text'. Found none."),
    "text is a number": ({"text": 7, "topic": "a"}, "text must be a string. Found 7."),
    "text is a list": ({"text": ["a"], "topic": "a"}, "text must be a string. Found ['a']."),
    "half a surrogate pair in text": (
        {"text": "a\ud83d", "topic": "a"},
        "text must be made of whole characters. Found half of a surrogate pair in 'a\\ud83d'.",
    ),
    "half a surrogate pair in a label": (
        {"text": "a", "topic": "\udc00"},
        "topic must be made of whole characters. Found half of a surrogate pair in '\\udc00'.",
    ),
    "half a surrogate pair in an entity": (
        {"text": TEXT, "entities": [entity(0, 5, "\ud800")]},
        (
            "entities must be made of whole characters. Found half of a surrogate pair in "
            "[{'start': 0, 'end': 5, 'label': '\\ud800', 'text': None}]."
        ),
    ),
    "label is a number": ({"text": "a", "topic": 1}, "topic: a label must be a string that is not empty. Found 1."),
    "label is empty": ({"text": "a", "topic": ""}, "topic: a label must be a string that is not empty. Found ''."),
    "label is false": (
        {"text": "a", "topic": False},
        "topic: a label must be a string that is not empty. Found False.",
    ),
    "entities are an object": ({"text": "a", "entities": {}}, "entities: entities must be a list of spans. Found {}."),
    "an entity is a list": (
        {"text": "a", "entities": [[0, 1, "ORG"]]},
        "entities: an entity must be an object with start, end and label. Found [0, 1, 'ORG'].",
    ),
    "offset beyond the text": (
        {"text": "abc", "entities": [entity(0, 4)]},
        "entities: an entity must satisfy 0 <= start < end <= 3, the length of the text. Found start 0, end 4.",
    ),
    "offsets reversed": (
        {"text": "abc", "entities": [entity(2, 1)]},
        "entities: an entity must satisfy 0 <= start < end <= 3, the length of the text. Found start 2, end 1.",
    ),
    "offsets equal": (
        {"text": "abc", "entities": [entity(1, 1)]},
        "entities: an entity must satisfy 0 <= start < end <= 3, the length of the text. Found start 1, end 1.",
    ),
    "offset negative": (
        {"text": "abc", "entities": [entity(-3, 2)]},
        "entities: an entity must satisfy 0 <= start < end <= 3, the length of the text. Found start -3, end 2.",
    ),
    "offset is a truth": (
        {"text": "abc", "entities": [entity(start=False, end=True)]},
        "entities: an entity's start and end must be whole numbers. Found False and True.",
    ),
    "offset has a point": (
        {"text": "abc", "entities": [entity(0.0, 1)]},
        "entities: an entity's start and end must be whole numbers. Found 0.0 and 1.",
    ),
    "offset is a string": (
        {"text": "abc", "entities": [entity("0", 1)]},
        "entities: an entity's start and end must be whole numbers. Found '0' and 1.",
    ),
    "offset is absent": (
        {"text": "abc", "entities": [{"end": 1, "label": "ORG"}]},
        "entities: an entity's start and end must be whole numbers. Found None and 1.",
    ),
    "entities overlap": (
        {"text": TEXT, "entities": [entity(0, 13), entity(6, 13)]},
        (
            "entities: entities must not overlap. Found 'Fetch Rewards' (0-13) and 'Rewards' (6-13). "
            '`decoder = "span"` takes such ones.'
        ),
    ),
    "text disagrees": (
        {"text": TEXT, "entities": [entity(32, 39, "LOC", "Americas")]},
        "entities: entity 'Americas' covers characters 32-39, but the text there reads 'America'.",
    ),
    "edge of white space": (
        {"text": TEXT, "entities": [entity(0, 14)]},
        "entities: an entity must not begin or end with white space. Found 'Fetch Rewards ' (0-14).",
    ),
    "entity label is empty": (
        {"text": TEXT, "entities": [entity(0, 5, "")]},
        "entities: an entity's label must be a string that is not empty. Found ''.",
    ),
    "entity label is unknown": (
        {"text": TEXT, "entities": [entity(0, 5, "ORGA"), entity(6, 13, "ORGA")]},
        "entities: a label must be among `tasks.entities.labels`. Found 'ORGA'; did you mean 'ORG'?",
    ),
    "label is unknown": (
        {"text": "a", "topic": "sport"},
        "topic: a label must be among `tasks.topic.labels`. Found 'sport'; did you mean 'sports'?",
    ),
    "label is like no other": (
        {"text": "a", "topic": "xyz"},
        "topic: a label must be among `tasks.topic.labels`. Found 'xyz'.",
    ),
}


@pytest.fixture
def check(tasks: dict[str, Task]) -> RowCheck:
    allowed = {
        "topic": AllowedLabels(frozenset({"a", "sports"}), "`tasks.topic.labels`", "Correct the row."),
        "entities": AllowedLabels(frozenset({"ORG", "LOC", "\ud800"}), "`tasks.entities.labels`", "Correct the row."),
    }
    return RowCheck("data/train.jsonl", {}, tasks=tasks, allowed=allowed)


@pytest.mark.parametrize("sort", BROKEN_ROWS)
def test_a_broken_row_has_one_fault_with_its_place(sort: str, check: RowCheck) -> None:
    row, rule = BROKEN_ROWS[sort]
    assert check.row(41, row) is None
    (fault,) = check.faults
    assert (fault.where, fault.rule) == ("data/train.jsonl:41", rule)


def test_all_faults_of_a_row_are_found_at_once(check: RowCheck) -> None:
    assert check.row(1, {"text": "abc", "topic": 1, "entities": [entity(0, 9), "x"]}) is None
    assert len(check.faults) == 3
    assert {fault.where for fault in check.faults} == {"data/train.jsonl:1"}


def test_an_unknown_label_comes_with_advice(check: RowCheck) -> None:
    check.row(1, {"text": "a", "topic": "b"})
    assert check.faults[0].advice == "Correct the row."


def test_absent_and_null_are_not_labelled_and_an_empty_list_is(check: RowCheck) -> None:
    assert check.row(1, {"text": "a", "topic": "a"}) == Row("a", {"topic": "a"})
    assert check.row(2, {"text": "a", "topic": None, "entities": []}) == Row("a", {"entities": ()})
    assert check.row(3, {"text": ""}) == Row("", {})
    assert check.faults == check.finish() == []


def test_a_long_value_is_shortened_in_the_message(check: RowCheck) -> None:
    check.row(1, {"text": ["x" * 10_000]})
    assert len(check.faults[0].rule) < 500
    assert check.faults[0].rule.startswith("text must be a string. Found ['xxx")


def test_whole_characters_beyond_the_basic_plane_are_fine(check: RowCheck) -> None:
    text = "😀 Fetch é"
    row = check.row(1, {"text": text, "entities": [entity(2, 7, text="Fetch")]})
    assert row is not None
    assert row.values["entities"][0].text == "Fetch"


def test_the_columns_that_are_remembered_stay_few(check: RowCheck) -> None:
    for line in range(3000):
        check.row(line, {"text": "a", f"column {line}": 1})
    check.row(3000, {"text": "a", "topic": "a"})
    assert check.finish() == []
    (fault,) = RowCheckOfManyColumns().finish()
    assert "and 988 more" in fault.rule


class RowCheckOfManyColumns(RowCheck):
    """A check that has seen 3000 columns and none of a task."""

    def __init__(self) -> None:
        super().__init__("rows.jsonl", {}, tasks={"topic": Classification()}, allowed={})
        for line in range(3000):
            self.row(line, {"text": "a", f"column {line}": 1})
