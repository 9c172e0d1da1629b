"""Equal texts are found across splits and labellings, in little memory, and never by a hash alone."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyhead.data import duplicates
from polyhead.data.duplicates import repeated_texts
from polyhead.data.reading import RowsRead
from polyhead.data.rows import Rows

Splits = Callable[..., dict[str, Rows]]


@pytest.fixture
def splits(save: Callable[..., str], read: Callable[..., RowsRead]) -> Splits:
    """Make splits of rows given as (text, topic, entities)."""

    def make(**rows_of: list[tuple[str, str | None, Any]]) -> dict[str, Rows]:
        made = {}
        for split, rows in rows_of.items():
            fields = [{"text": text, "topic": topic, "entities": spans} for text, topic, spans in rows]
            made[split] = read(save(*fields, name=f"{split}.jsonl")).rows
        return made

    return make


def test_different_texts_have_no_faults(splits: Splits) -> None:
    made = splits(train=[("a", "x", None), ("b", "x", [])], dev=[("á", "x", None), ("a b", "y", None)])
    assert list(repeated_texts(made)) == []


@pytest.mark.parametrize("other", ["A", " a", "a\n", "\u00a0a "])
def test_letter_case_and_white_space_make_no_difference(other: str, splits: Splits) -> None:
    (fault,) = repeated_texts(splits(train=[("a", "x", None)], dev=[(other, "x", None)]))
    assert fault.where == "dev.jsonl:1"


def test_texts_taken_apart_are_the_same(splits: Splits) -> None:
    assert len(list(repeated_texts(splits(train=[("é", "x", None)], dev=[("e\u0301", "x", None)])))) == 1


def test_a_text_in_two_splits_is_named_in_both(splits: Splits) -> None:
    made = splits(
        train=[("a", "x", None), ("b", "x", None)],
        dev=[("c", "x", None), ("b", "x", None), ("b", "x", None)],
        test=[("b", None, [])],
    )
    assert [(fault.where, fault.rule) for fault in repeated_texts(made)] == [
        ("dev.jsonl:2", "a text should be in one split only. Found it in train too (train.jsonl:2)."),
        ("test.jsonl:1", "a text should be in one split only. Found it in train too (train.jsonl:2)."),
        ("dev.jsonl:3", "a text should occur once in a split. Found it at dev.jsonl:2 too."),
    ]


def test_a_text_twice_in_a_split_is_named_at_its_second_place(splits: Splits) -> None:
    made = splits(train=[("a", "x", None), ("b", "x", None), ("A", None, []), ("a", "x", [])])
    assert [str(fault) for fault in repeated_texts(made)] == [
        (
            f"train.jsonl:{line}: a text should occur once in a split. Found it at train.jsonl:1 too. "
            "Remove one of the two: `--fix` does where their labels are equal."
        )
        for line in (3, 4)
    ]


def test_pairs_are_the_same_when_both_texts_are(save: Callable[..., str], read: Callable[..., RowsRead]) -> None:
    pairs = [("a", "b"), ("a", "c"), ("a b", None), ("A", "B ")]
    rows = read(save(*({"text": text, "text_pair": pair, "topic": "x"} for text, pair in pairs))).rows
    assert [fault.where for fault in repeated_texts({"train": rows})] == ["rows.jsonl:4"]


def test_a_text_labelled_in_two_ways_is_named_once_for_each_further_way(splits: Splits) -> None:
    span = [{"start": 0, "end": 1, "label": "ORG"}]
    made = splits(train=[("a", None, []), ("a", "x", span), ("a", "y", []), ("a", "y", None), ("a", "z", None)])
    assert [str(fault) for fault in repeated_texts(made) if "equal labels" in fault.rule] == [
        (
            "train.jsonl:3: topic: equal texts should have equal labels. Found another value at train.jsonl:2. "
            "Correct one of the two."
        ),
        (
            "train.jsonl:5: topic: equal texts should have equal labels. Found another value at train.jsonl:2. "
            "Correct one of the two."
        ),
        (
            "train.jsonl:2: entities: equal texts should have equal labels. Found another value at train.jsonl:1. "
            "Correct one of the two."
        ),
    ]


def test_labels_are_compared_across_splits(splits: Splits) -> None:
    made = splits(train=[("a", "x", None)], test=[("a", "y", None)])
    assert [fault.rule.split(" Found")[0] for fault in repeated_texts(made)] == [
        "a text should be in one split only.",
        "topic: equal texts should have equal labels.",
    ]


def test_many_repeated_texts_are_counted_after_the_first(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "SHOWN_TEXTS", 3)
    rows = [(f"text {number}", "x", None) for number in range(8)]
    faults = list(repeated_texts(splits(train=rows, dev=rows)))
    assert [fault.where for fault in faults] == ["dev.jsonl:1", "dev.jsonl:2", "dev.jsonl:3", "data"]
    assert faults[-1].rule == "a text should be in one split only. Found 5 more."


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", None])), min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_repeated_text_is_found(splits: Splits, rows: list[tuple[str, str | None]]) -> None:
    made = splits(train=[(text, topic, []) for text, topic in rows])
    faults = list(repeated_texts(made))
    texts = [text for text, _ in rows]
    assert [fault.where for fault in faults if "once in a split" in fault.rule] == sorted(
        (f"train.jsonl:{n + 1}" for n, text in enumerate(texts) if text in texts[:n]),
        key=lambda place: (texts.index(texts[int(place[12:]) - 1]), int(place[12:])),
    )
    two_ways = {text: {topic for other, topic in rows if other == text} - {None} for text in texts}
    found = sum("equal labels" in fault.rule for fault in faults)
    assert found == sum(max(0, len(topics) - 1) for topics in two_ways.values())


def test_no_rows_have_no_repeated_texts(read: Callable[..., RowsRead]) -> None:
    assert list(repeated_texts({"train": read("absent.jsonl").rows})) == []
