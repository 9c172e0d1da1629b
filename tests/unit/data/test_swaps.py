"""Swapped rows are rows: offsets exact, labels kept, words whole, and the same for the same seed, epoch and row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.data import swaps
from polyhead.data.alignment import words_of
from polyhead.data.columns import Row
from polyhead.data.reading import RowsRead
from polyhead.data.rows import Rows
from polyhead.data.storage import RowsWriter
from polyhead.data.swaps import EntitySwapper
from polyhead.spans import Span
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

TASKS: Mapping[str, Task] = {"topic": Classification(), "entities": Entities(), "products": Entities()}
Labelled = tuple[str, Mapping[str, Any]]


def rows_of(*rows: Labelled, tasks: Mapping[str, Task] = TASKS) -> Rows:
    with RowsWriter(tasks) as writer:
        writer.begin_file("rows.jsonl")
        for line, (text, values) in enumerate(rows, start=1):
            writer.add(line, Row(text, values))
        return writer.finish()


def spans(text: str, **labels: str) -> tuple[Span, ...]:
    """Label the first place of each surface; underscores stand for spaces."""
    found = [(text.index(name.replace("_", " ")), name.replace("_", " "), label) for name, label in labels.items()]
    return tuple(Span(start, start + len(name), label, name) for start, name, label in sorted(found))


ACME = "Acme Corp hired Maria in Oslo."
ROWS: Sequence[Row] = (
    (ACME, {"topic": "work", "entities": spans(ACME, Acme_Corp="ORG", Maria="PER", Oslo="LOC")}),
    (
        "Bolt sued Jean-Luc",
        {"topic": "law", "entities": spans("Bolt sued Jean-Luc", Bolt="ORG", **{"Jean-Luc": "PER"})},
    ),
    ("Quito and Łódź", {"entities": spans("Quito and Łódź", Quito="LOC", Łódź="LOC")}),
    ("nothing here", {"topic": "none", "entities": ()}),
    ("unlabelled Oslo", {"topic": "none"}),
)
NAMES = {"ORG": {"Acme Corp", "Bolt"}, "PER": {"Maria", "Jean-Luc"}, "LOC": {"Oslo", "Quito", "Łódź"}}


def swapper(probability: float = 1.0, *, seed: int = 0, rows: Sequence[Row] = ROWS) -> EntitySwapper:
    return EntitySwapper(rows_of(*rows), probability=probability, seed=seed)


def as_json(value: Sequence[Span]) -> list[dict[str, Any]]:
    return [{"start": s.start, "end": s.end, "label": s.label, "text": s.text} for s in value]


def assert_is_row(text: str, values: Mapping[str, Any]) -> None:
    for name in ("entities", "products"):
        if name in values:
            problems: list[str] = []
            assert TASKS[name].read(as_json(values[name]), text, problems) == values[name]
            assert problems == []
            assert TASKS[name].misaligned(values[name], words_of([text])[0]) == []  # type: ignore[attr-defined]


def test_every_entity_is_swapped_at_probability_one() -> None:
    swap = swapper().swap
    same = 0
    for epoch in range(20):
        text, values = swap(*ROWS[0], epoch=epoch, row=0)
        assert_is_row(text, values)
        assert [span.label for span in values["entities"]] == ["ORG", "PER", "LOC"]
        same += sum(new.text == old.text for new, old in zip(values["entities"], ROWS[0][1]["entities"], strict=True))
        assert values["topic"] == "work"
        outside = text
        for span in reversed(values["entities"]):
            outside = outside[: span.start] + "|" + outside[span.end :]
        assert outside == "| hired | in |."
    # Labels of two or three names draw the old one now and then.
    assert same < 10


def test_nothing_is_swapped_at_probability_zero() -> None:
    swap = swapper(0.0).swap
    assert all(swap(*ROWS[0], epoch=epoch, row=0) == (ACME, dict(ROWS[0][1])) for epoch in range(20))


def test_about_as_many_are_swapped_as_the_probability_says() -> None:
    swap = swapper(0.3).swap
    kept = [
        new.text == old.text
        for epoch in range(400)
        for new, old in zip(swap(*ROWS[0], epoch=epoch, row=0)[1]["entities"], ROWS[0][1]["entities"], strict=True)
    ]
    assert np.mean(kept) == pytest.approx(0.7, abs=0.04)


def test_three_in_ten_of_the_new_names_are_made_up() -> None:
    known = ("Bananama", "Anabanas", "Manaban", "Sanamana")
    rows = [(f"{name} sang", {"entities": (Span(0, len(name), "PER", name),)}) for name in known]
    swap = swapper(rows=rows).swap
    drawn = [swap(*rows[0], epoch=epoch, row=0)[1]["entities"][0].text for epoch in range(400)]
    # A quarter of the draws is the same name again, which is then made up.
    made_up = 0.3 + 0.7 / 4
    # Some letters make a real name again.
    again = 0.04
    assert np.mean([name in known for name in drawn]) == pytest.approx(1 - made_up * (1 - again), abs=0.06)


def test_names_come_from_the_same_label() -> None:
    swap = swapper().swap
    letters = {label: set("".join(names).lower()) for label, names in NAMES.items()}
    for epoch in range(50):
        for span in swap(*ROWS[0], epoch=epoch, row=0)[1]["entities"]:
            assert set(span.text.lower()) <= letters[span.label]


def test_the_same_seed_epoch_and_row_give_the_same_row() -> None:
    first, again = swapper(0.5, seed=4).swap, swapper(0.5, seed=4).swap
    drawn = [first(*ROWS[row % 2], epoch=epoch, row=row) for epoch in range(5) for row in range(10)]
    # In another order, as after a resumed run.
    later = [again(*ROWS[row % 2], epoch=epoch, row=row) for epoch in reversed(range(5)) for row in reversed(range(10))]
    assert drawn == later[::-1]


@pytest.mark.parametrize("change", [{"epoch": 1}, {"row": 1}])
def test_another_epoch_or_row_gives_another_draw(change: dict[str, int]) -> None:
    place = {"epoch": 0, "row": 0}
    swap = swapper().swap
    assert swap(*ROWS[0], **place) != swap(*ROWS[0], **{**place, **change})


def test_another_seed_gives_another_draw() -> None:
    assert swapper(seed=1).swap(*ROWS[0], epoch=0, row=0) != swapper(seed=2).swap(*ROWS[0], epoch=0, row=0)


@pytest.mark.parametrize("row", [ROWS[3], ROWS[4], ("", {}), ("x", {"topic": "none"})])
def test_rows_without_entities_stay_as_they_are(row: Row) -> None:
    assert swapper().swap(*row, epoch=0, row=0) == (row[0], dict(row[1]))


def test_the_given_values_are_never_changed() -> None:
    given_values = dict(ROWS[0][1])
    swapper().swap(ACME, given_values, epoch=0, row=0)
    assert given_values == dict(ROWS[0][1])


def test_all_entity_tasks_of_a_row_move_together() -> None:
    text = "Oslo sells Bolt to Acme Corp"
    values = {
        "entities": spans(text, Oslo="LOC", Acme_Corp="ORG"),
        "products": spans(text, Bolt="THING", Acme_Corp="BRAND"),
    }
    swap = swapper(0.5, rows=[*ROWS, (text, values)]).swap
    for epoch in range(40):
        new_text, moved = swap(text, values, epoch=epoch, row=5)
        assert_is_row(new_text, moved)
        assert [span.label for span in moved["products"]] == ["THING", "BRAND"]
        assert moved["entities"][1].text == moved["products"][1].text


@pytest.mark.parametrize("product", [(5, 9), (0, 4), (5, 15)])
def test_rows_whose_tasks_overlap_stay_as_they_are(product: tuple[int, int]) -> None:
    start, end = product
    values = {
        "entities": (Span(0, 9, "ORG", "Acme Corp"),),
        "products": (Span(start, end, "THING", ACME[start:end]),),
    }
    assert swapper().swap(ACME, values, epoch=0, row=0) == (ACME, values)


def test_a_new_name_is_never_glued_to_the_word_beside_it() -> None:
    yen, dollar = "costs 100円 now", "one dollar"
    rows: list[Row] = [
        (yen, {"entities": (Span(9, 10, "CUR", "円"),)}),
        (dollar, {"entities": (Span(4, 10, "CUR", "dollar"),)}),
    ]
    swap = swapper(rows=rows).swap
    drawn = [swap(*rows[0], epoch=epoch, row=0) for epoch in range(40)]
    for text, values in drawn:
        assert_is_row(text, values)
        assert "100d" not in text
    assert len({text for text, _ in drawn}) > 0


def test_a_label_that_train_does_not_know_keeps_its_name() -> None:
    values = {"entities": (Span(0, 9, "NEW", "Acme Corp"),)}
    assert swapper().swap(ACME, values, epoch=0, row=0) == (ACME, values)


def test_rows_with_tags_of_given_tokens_stay_as_they_are() -> None:
    class Tagging(Classification):
        level = "words"

    tasks: dict[str, Task] = {"entities": Entities(), "tags": Tagging()}
    bound = EntitySwapper(rows_of((ACME, {"entities": ROWS[0][1]["entities"]}), tasks=tasks), probability=1.0, seed=0)
    values = {"entities": ROWS[0][1]["entities"], "tags": "N"}
    assert bound.swap(ACME, values, epoch=0, row=0) == (ACME, values)
    free = [bound.swap(ACME, {"entities": values["entities"]}, epoch=epoch, row=0)[0] for epoch in range(10)]
    assert set(free) - {ACME}


def test_few_names_of_a_label_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swaps, "NAMES_KEPT", 2)
    names = [chr(letter) * 3 for letter in range(ord("a"), ord("k"))]
    rows = [(name, {"entities": (Span(0, 3, "PER", name),)}) for name in names]
    swap = swapper(rows=rows).swap
    drawn = {swap(*rows[5], epoch=epoch, row=5)[0] for epoch in range(60)}
    assert set("".join(drawn)) == {"a", "b"}


def test_real_rows_are_swapped_from_a_file(save: Callable[..., str], read: Callable[..., RowsRead]) -> None:
    name = save(*({"text": text, "topic": "x", "entities": as_json(v.get("entities", ()))} for text, v in ROWS[:3]))
    rows = read(name).rows
    (value,) = rows.values("entities", [0])
    text, values = EntitySwapper(rows, probability=1.0, seed=0).swap(ACME, {"entities": value}, epoch=0, row=0)
    assert text != ACME
    assert_is_row(text, values)


WORD = st.text(st.sampled_from("abzAÉß9ñ東ع'-.é😀\u0301🇫"), min_size=1, max_size=6)
LABELS = st.sampled_from(["PER", "ORG", "LOC"])


@st.composite
def labelled_rows(draw: st.DrawFn) -> Row:
    """A text of words, some of which two tasks label, on the borders of words."""
    words = draw(st.lists(WORD, min_size=1, max_size=7))
    text = draw(st.sampled_from([" ", "  ", ", "])).join(words)
    (borders,) = words_of([text])
    values: dict[str, Any] = {"topic": draw(st.sampled_from(["x", "y"]))}
    for name in ("entities", "products"):
        made: list[Span] = []
        for start, end in borders.tolist():
            if draw(st.booleans()) and start >= (made[-1].end if made else 0):
                made.append(Span(start, end, draw(LABELS), text[start:end]))
        values[name] = tuple(made)
    return text, values


@settings(max_examples=120, deadline=None)
@given(rows=st.lists(labelled_rows(), min_size=1, max_size=4), seed=st.integers(0, 3), p=st.sampled_from([0.5, 1.0]))
def test_whatever_the_row_the_swapped_one_is_a_row(rows: list[Row], seed: int, p: float) -> None:
    swap = swapper(p, seed=seed, rows=rows).swap
    for number, (text, values) in enumerate(rows):
        new_text, moved = swap(text, values, epoch=seed, row=number)
        assert_is_row(new_text, moved)
        assert moved["topic"] == values["topic"]
        for name in ("entities", "products"):
            assert [span.label for span in moved[name]] == [span.label for span in values[name]]
            assert all(new_text[span.start : span.end] == span.text for span in moved[name])
        # What no task labels is still there, in the same order.
        gone = sum(end - start for start, end in {(s.start, s.end) for n in TASKS if n != "topic" for s in values[n]})
        come = sum(end - start for start, end in {(s.start, s.end) for n in TASKS if n != "topic" for s in moved[n]})
        assert len(new_text) - come == len(text) - gone
