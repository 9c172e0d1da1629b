"""Tokens that come with a row make its text, or are found in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.data.checking import RowCheck
from polyhead.data.columns import Row
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.tagging import Tagging
from polyhead.text.given_tokens import joined, located, read_tokens

WORDS = st.lists(st.text(alphabet="abé🎉", min_size=1, max_size=4), max_size=8)


@given(WORDS)
def test_joined_tokens_are_where_their_borders_say(tokens: list[str]) -> None:
    text, borders = joined(tokens)
    pairs = zip(borders[::2], borders[1::2], strict=True)
    assert [text[start:end] for start, end in pairs] == tokens
    assert located(tokens, text) == borders


def test_tokens_are_found_in_a_text_of_other_spacing() -> None:
    assert located(["Is", "n't", "it", "?"], "Isn't  it?") == [0, 2, 2, 5, 7, 9, 9, 10]
    assert located(["it", "Is"], "Is it") == "Is"


@pytest.mark.parametrize("value", ["a  b", '["a", "b"]', ["a", "b"]])
def test_tokens_may_stand_in_a_cell(value: object) -> None:
    problems: list[str] = []
    assert read_tokens(value, problems) == ["a", "b"]
    assert not problems


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (3, "tokens must be a list of strings. Found 3."),
        (["a", ""], "a token must be a string that is more than white space. Found '' at 1."),
        (["\n"], "a token must be a string that is more than white space. Found '\\n' at 0."),
        ([["a"]], "a token must be a string that is more than white space. Found ['a'] at 0."),
        ("[1", "tokens must be a list of strings. Found '[1'."),
    ],
)
def test_other_values_are_no_tokens(value: object, problem: str) -> None:
    problems: list[str] = []
    assert read_tokens(value, problems) is None
    assert problems == [problem]


def check_of(fields: dict[str, str] | None = None, **tasks: Task) -> RowCheck:
    return RowCheck("rows", fields or {}, tasks=tasks or {"topic": Classification()}, allowed={})


def test_rows_may_come_as_tokens_alone() -> None:
    row = check_of(pos=Tagging()).row(1, {"tokens": ["It", "rains"], "pos": ["PRON", "VERB"]})
    assert row is not None
    assert (row.text, row.tokens) == ("It rains", [0, 2, 3, 8])


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({"tokens": ["a", "b"], "pos": ["X"]}, "pos: a row must have one item for each of its 2 tokens. Found 1."),
        ({"text": "a b", "pos": ["X", "Y"]}, "pos: a row must come with the `tokens` that are labelled. Found none."),
        (
            {"text": "a", "tokens": ["b"], "pos": ["X"]},
            "tokens: tokens must follow each other in the text. Found no 'b'",
        ),
        ({"tokens": ["\ud800"], "pos": ["X"]}, "tokens must be made of whole characters."),
        ({"tokens": 3}, "tokens: tokens must be a list of strings. Found 3."),
        ({}, "a row must hold its text in the column 'text'. Found none."),
    ],
)
def test_wrong_tokens_are_faults(record: dict[str, Any], rule: str) -> None:
    check = check_of(pos=Tagging())
    assert check.row(7, record) is None
    assert check.faults[0].where == "rows:7"
    assert check.faults[0].rule.startswith(rule)


@pytest.mark.parametrize("tokens", [12, ["un", "##related"], "whatever"])
def test_a_column_of_that_name_may_hold_something_else_where_no_task_asks_for_tokens(tokens: object) -> None:
    assert check_of().row(1, {"text": "a", "topic": "x", "tokens": tokens}) == Row("a", {"topic": "x"})


def test_a_pair_is_a_string_of_whole_characters() -> None:
    check = check_of({"text_pair": "hypothesis"})
    row = check.row(1, {"text": "a", "hypothesis": "b", "topic": "x"})
    assert row is not None
    assert row.pair == "b"
    assert check.row(2, {"text": "a", "hypothesis": 3}) is None
    assert check.row(3, {"text": "a", "hypothesis": "\ud800"}) is None
    assert [fault.rule.split(". Found")[0] for fault in check.faults] == [
        "hypothesis must be a string",
        "hypothesis must be made of whole characters",
    ]
