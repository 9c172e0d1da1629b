"""Equal texts are found across splits and labellings, in little memory, and never by a hash alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

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
    made = splits(train=[("a", "x", None), ("b", "x", [])], dev=[("A", "x", None), ("a ", "y", None)])
    assert list(repeated_texts(made)) == []


def test_a_text_in_two_splits_is_named_in_both(splits: Splits) -> None:
    made = splits(
        train=[("a", "x", None), ("b", "x", None)],
        dev=[("c", "x", None), ("b", "x", None), ("b", "x", None)],
        test=[("b", None, [])],
    )
    assert [(fault.where, fault.rule) for fault in repeated_texts(made)] == [
        ("dev.jsonl:2", "a text should be in one split only. Found it in train too (train.jsonl:2)."),
        ("test.jsonl:1", "a text should be in one split only. Found it in train too (train.jsonl:2)."),
    ]


def test_the_same_text_with_the_same_labels_is_fine_within_a_split(splits: Splits) -> None:
    assert list(repeated_texts(splits(train=[("a", "x", None), ("a", None, []), ("a", "x", [])]))) == []


def test_a_text_labelled_in_two_ways_is_named_once_for_each_further_way(splits: Splits) -> None:
    span = [{"start": 0, "end": 1, "label": "ORG"}]
    made = splits(train=[("a", None, []), ("a", "x", span), ("a", "y", []), ("a", "y", None), ("a", "z", None)])
    assert [str(fault) for fault in repeated_texts(made)] == [
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
    assert faults[-1].rule == "a text should be in one split only. Found 5 more texts."


def test_texts_that_only_share_a_hash_are_not_equal(splits: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_hashes", lambda rows: np.zeros(len(rows), dtype=np.int64))
    made = splits(train=[("a", "x", None), ("b", "y", None), ("a", "z", None)], dev=[("b", "y", None)])
    assert [fault.where for fault in repeated_texts(made)] == ["train.jsonl:3", "dev.jsonl:1"]


def test_no_rows_have_no_repeated_texts(read: Callable[..., RowsRead]) -> None:
    assert list(repeated_texts({"train": read("absent.jsonl").rows})) == []
