"""What the demo promises about its sentences holds."""

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from polyhead.cli.demo import NEW_TEXTS

LABELS = {
    "topic": {"Technology", "Business", "Sports", "Entertainment", "Politics", "Science/Health"},
    "sentiment": {"positive", "neutral", "negative"},
    "entities": {"PERSON", "LOC", "ORG", "DATE"},
}
SPLITS = ("train", "dev", "test")
LONGEST_NAME = 7
MONTHS_AND_DAYS = re.compile(
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)\b"
)


def rows_of(split: str) -> list[dict[str, Any]]:
    content = (files("polyhead") / "demo" / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in content.splitlines()]


ROWS = {split: rows_of(split) for split in SPLITS}
ALL_ROWS = [row for split in SPLITS for row in ROWS[split]]


def names_of(split: str) -> set[str]:
    return {span["text"].casefold() for row in ROWS[split] for span in row.get("entities", ())}


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text))


def runs_of_words(text: str) -> set[str]:
    """Every run of words of a text, so that looking for many names in many texts is quick."""
    words = plain(text).split()
    return {" ".join(words[i : i + n]) for n in range(1, LONGEST_NAME + 1) for i in range(len(words))}


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def test_there_are_more_than_eight_hundred_rows() -> None:
    assert len(ALL_ROWS) >= 800
    assert min(len(ROWS[split]) for split in ("dev", "test")) >= 100


def test_about_a_quarter_of_the_rows_is_labelled_for_some_tasks_only() -> None:
    partial = sum(not set(LABELS) <= set(row) for row in ALL_ROWS)
    assert 0.2 <= partial / len(ALL_ROWS) <= 0.3


def test_every_row_holds_known_fields_and_labels() -> None:
    for row in ALL_ROWS:
        assert set(row) <= {"text", *LABELS}, row
        assert len(set(row)) > 1, row
        assert row.get("topic", "Sports") in LABELS["topic"], row
        assert row.get("sentiment", "neutral") in LABELS["sentiment"], row


def test_every_entity_covers_what_it_says_and_overlaps_no_other() -> None:
    for row in ALL_ROWS:
        end = 0
        for span in row.get("entities", ()):
            assert span["label"] in LABELS["entities"], row
            assert row["text"][span["start"] : span["end"]] == span["text"] == span["text"].strip(), row
            assert end <= span["start"] < span["end"], row
            end = span["end"]


def test_no_two_texts_are_equal() -> None:
    counts = Counter(row["text"].casefold() for row in ALL_ROWS)
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_text_is_close_to_a_text_of_train(split: str) -> None:
    trained = [words_of(row["text"]) for row in ROWS["train"]]
    for row in ROWS[split]:
        own = words_of(row["text"])
        assert max(len(own & other) / len(own | other) for other in trained) < 0.45, row["text"]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_name_is_a_name_of_train_nor_a_part_of_one(split: str) -> None:
    trained = names_of("train")
    assert names_of(split) & trained == set()
    parts = set().union(*map(runs_of_words, trained))
    assert {name for name in names_of(split) if plain(name) in parts} == set()


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_name_of_a_person_place_or_organisation_contains_one_of_train(split: str) -> None:
    spans = [span for row in ROWS[split] for span in row.get("entities", ()) if span["label"] != "DATE"]
    trained = set(map(plain, names_of("train")))
    for name in {span["text"].casefold() for span in spans}:
        assert runs_of_words(name) & trained == set()


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_name_stands_in_a_text_of_train_that_is_not_annotated(split: str) -> None:
    trained = set().union(*(runs_of_words(row["text"]) for row in ROWS["train"]))
    names = {span["text"] for row in ROWS[split] for span in row.get("entities", ())}
    assert {name for name in names if plain(name) in trained} == set()


def test_no_name_has_two_labels() -> None:
    labels: dict[str, set[str]] = {}
    for row in ALL_ROWS:
        for span in row.get("entities", ()):
            labels.setdefault(span["text"].casefold(), set()).add(span["label"])
    assert {name: found for name, found in labels.items() if len(found) > 1} == {}


def test_a_name_is_annotated_wherever_it_stands_in_annotated_rows() -> None:
    names = {plain(span["text"]) for row in ALL_ROWS for span in row.get("entities", ())}
    for row in (row for row in ALL_ROWS if "entities" in row):
        outside = list(row["text"])
        for span in row["entities"]:
            outside[span["start"] : span["end"]] = "#" * (span["end"] - span["start"])
        assert runs_of_words("".join(outside)) & names == set(), row["text"]


def test_months_and_days_in_annotated_rows_are_dates() -> None:
    for row in (row for row in ALL_ROWS if "entities" in row):
        for found in MONTHS_AND_DAYS.finditer(row["text"]):
            spans = [span for span in row["entities"] if span["start"] <= found.start() < span["end"]]
            assert spans, row["text"]


def test_labels_are_balanced_over_topics_and_sentiments() -> None:
    for task in ("topic", "sentiment"):
        for split in SPLITS:
            counts = Counter(row[task] for row in ROWS[split] if task in row)
            assert max(counts.values()) <= 1.3 * min(counts.values())


def test_the_texts_that_the_demo_answers_are_in_no_split() -> None:
    assert {row["text"] for row in ALL_ROWS}.isdisjoint(NEW_TEXTS)
