"""What a value is, where a format has no columns to say it."""

from typing import Any

import pytest

from polyhead.data.formats.base import Losses
from polyhead.data.formats.shapes import borders_of, choices_in, columns_of, spans_in, tags_in, text_of, tokens_of

TOKENS = {"tokens": ["Ada", "ran"]}
SPAN = {"start": 0, "end": 3, "label": "X", "text": "Ada"}


@pytest.mark.parametrize(
    ("record", "text", "tokens"),
    [
        (TOKENS, "Ada ran", ["Ada", "ran"]),
        ({"text": "Isn't", "tokens": ["Is", "n't"]}, "Isn't", ["Is", "n't"]),
        ({"text": "Isn't", "tokens": ["other"]}, "Isn't", ["Isn", "'", "t"]),
        ({"text": "Ada, ran"}, "Ada, ran", ["Ada", ",", "ran"]),
        ({}, "", []),
    ],
)
def test_a_record_has_a_text_and_tokens(record: dict[str, Any], text: str, tokens: list[str]) -> None:
    assert (text_of(record), tokens_of(record)) == (text, tokens)
    assert len(borders_of(record)) == 2 * len(tokens)


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        ([{"start": 0, "end": 3, "type": "X", "id": 7}], [SPAN]),
        (["B-X", "O"], [SPAN]),
        ([], []),
        (["B-X"], None),
        (["NN", "VB"], None),
        ("B-X", None),
    ],
)
def test_spans_are_told_by_their_form(value: object, spans: object) -> None:
    assert spans_in(value, TOKENS) == spans


@pytest.mark.parametrize(
    ("value", "tags"),
    [([SPAN], ["B-X", "O"]), (["NN", "VB"], ["NN", "VB"]), ([], ["O", "O"]), (["NN"], None), ("x", None)],
)
def test_tags_are_one_a_token(value: object, tags: object) -> None:
    assert tags_in("column", value, TOKENS, Losses()) == tags


def test_spans_that_have_no_tags_are_counted() -> None:
    losses = Losses()
    assert tags_in("places", [{**SPAN, "end": 2}], TOKENS, losses) is None
    assert losses.counts == {"places: spans that overlap or cut a token in two": 1}


@pytest.mark.parametrize(("value", "labels"), [("a", ["a"]), (["a", "b"], ["a", "b"]), (3, None), ([3], None)])
def test_choices_are_strings(value: object, labels: object) -> None:
    assert choices_in(value) == labels


def test_columns_are_what_is_there_beside_the_text() -> None:
    assert columns_of({"text": "a", "text_pair": "b", "tokens": [], "topic": "x", "score": None}) == {"topic": "x"}
