"""Rows by number, by range and less some, whatever the chunks that they lie in."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from polyhead.data import storage
from polyhead.data.columns import Row
from polyhead.data.reading import RowsRead
from polyhead.data.rows import Rows
from polyhead.tasks.base import Task

Save = Callable[..., str]
Read = Callable[..., RowsRead]
COUNT = 25


def row_of(number: int) -> dict[str, object]:
    row: dict[str, object] = {"text": f"w{number}"}
    if number % 2 == 0:
        row["topic"] = "abc"[number % 3]
    if number % 5 == 0:
        row["entities"] = [{"start": 0, "end": 1, "label": "X"}] * (number % 2)
    return row


@pytest.fixture(params=["many chunks", "one chunk", "picked"])
def rows(request: pytest.FixtureRequest, save: Save, read: Read, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rows]:
    """25 rows: in chunks of 4 rows, in a single chunk, and as what is left when others are dropped."""
    monkeypatch.setattr(storage, "ROWS_HELD", 10_000 if request.param == "one chunk" else 4)
    wanted = [row_of(number) for number in range(COUNT)]
    if request.param != "picked":
        yield read(save(*wanted)).rows
        return
    other = {"text": "other", "topic": "other"}
    every = [other, *(part for row in wanted for part in (row, other))]
    yield read(save(*every)).rows.without(range(0, len(every), 2))


def test_texts_come_in_the_order_asked(rows: Rows) -> None:
    assert len(rows) == COUNT
    order = np.random.default_rng(0).permutation(COUNT)
    assert rows.texts(order) == [f"w{number}" for number in order]
    assert rows.texts([3, 3, 0]) == ["w3", "w3", "w0"]
    assert rows.texts([]) == rows.texts(np.array([], dtype=np.int64)) == []


def test_a_range_reads_the_same_as_its_numbers(rows: Rows) -> None:
    for indices in (range(COUNT), range(3, 9), range(7, 7), range(0, COUNT, 3), range(9, 3, -1)):
        for task in rows.tasks:
            assert rows.values(task, indices) == rows.values(task, list(indices))
        assert rows.texts(indices) == [f"w{number}" for number in indices]


def test_values_are_in_their_normal_form(rows: Rows) -> None:
    assert rows.values("topic", range(5)) == ["a", None, "c", None, "b"]
    values = rows.values("entities", [0, 1, 5])
    assert values[:2] == [(), None]
    assert [(span.start, span.end, span.label, span.text) for span in values[2] or ()] == [(0, 1, "X", "w")]


def test_labelled_tells_which_values_are_there(rows: Rows) -> None:
    assert rows.labelled.shape == (COUNT, 2)
    for number, task in enumerate(rows.tasks):
        there = [value is not None for value in rows.values(task, range(COUNT))]
        assert rows.labelled[:, number].tolist() == there


def test_labels_are_counted(rows: Rows) -> None:
    assert rows.counts("topic") == {"a": 5, "c": 4, "b": 4}
    assert next(iter(rows.counts("topic"))) == "a"
    assert rows.counts("entities") == {"X": 2}
    assert rows.counts("no task") == {}


def test_counts_are_a_copy(rows: Rows) -> None:
    rows.counts("topic")["a"] = 0
    assert rows.counts("topic")["a"] == 5


@pytest.mark.parametrize("batch", [1, 4, 7, 1000])
def test_iterate_meets_every_row_once(rows: Rows, batch: int) -> None:
    ranges = list(rows.iterate(batch))
    assert [number for indices in ranges for number in indices] == list(range(COUNT))
    assert all(len(indices) <= batch for indices in ranges)


@pytest.mark.parametrize("indices", [[COUNT], [-1], range(COUNT - 1, COUNT + 1), np.array([0, 99]), range(-2, 1)])
def test_rows_that_are_not_there_are_refused(rows: Rows, indices: list[int]) -> None:
    with pytest.raises(IndexError, match=r"`indices` must lie in \[0, 25\)"):
        rows.texts(indices)


def test_without_drops_rows_and_their_labels(rows: Rows) -> None:
    fewer = rows.without([0, 5, 24]).without([0])
    assert len(fewer) == COUNT - 4
    assert fewer.texts([0, 3, 20]) == ["w2", "w6", "w23"]
    assert fewer.counts("topic") == {"a": 3, "c": 4, "b": 4}
    assert fewer.counts("entities") == {"X": 1}
    assert fewer.labelled.tolist() == np.delete(rows.labelled, [0, 1, 5, 24], axis=0).tolist()
    assert len(rows) == COUNT


def test_without_nothing_is_the_same(rows: Rows) -> None:
    same = rows.without([])
    assert same.texts(range(COUNT)) == rows.texts(range(COUNT))
    assert same.counts("topic") == rows.counts("topic")


def test_places_are_those_of_the_file(save: Save, read: Read) -> None:
    name = save("", row_of(0), "broken", row_of(1), name="deep.jsonl")
    rows = read(name).rows
    assert [rows.place(number) for number in range(2)] == ["deep.jsonl:2", "deep.jsonl:4"]
    assert rows.without([0]).place(0) == "deep.jsonl:4"


def test_no_rows_at_all_are_rows(read: Read) -> None:
    rows = read("absent.jsonl").rows
    assert (len(rows), rows.labelled.shape, list(rows.iterate()), rows.texts([])) == (0, (0, 2), [], [])
    assert rows.texts(range(0)) == []
    assert rows.counts("topic") == {}


def test_pairs_and_tokens_take_no_room_until_a_row_has_them(
    tasks: dict[str, Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "ROWS_HELD", 2)
    with storage.RowsWriter(tasks) as writer:
        writer.begin_file("rows")
        for line in range(5):
            writer.add(line, Row("a b", {"topic": "x"}))
        plain = writer.finish()
    assert plain.pairs([0, 4]) == plain.tokens([0, 4]) == [None, None]
    with storage.RowsWriter(tasks) as writer:
        writer.begin_file("rows")
        for line in range(9):
            pair = f"pair {line}" if line in {3, 8} else None
            writer.add(line, Row("a b", {}, pair, [0, 1, 2, 3] if line == 5 else None))
        mixed = writer.finish()
    assert mixed.pairs(range(9)) == [None, None, None, "pair 3", None, None, None, None, "pair 8"]
    assert mixed.pairs([8, 0]) == ["pair 8", None]
    found = mixed.tokens(range(9))
    assert [tokens is None for tokens in found] == [True] * 5 + [False] + [True] * 3
    assert found[5] is not None
    assert found[5].tolist() == [[0, 1], [2, 3]]
    assert mixed.texts(range(9)) == ["a b"] * 9
    assert mixed.only([3, 8]).pairs([0, 1]) == ["pair 3", "pair 8"]


def test_the_rows_of_a_task_are_those_that_are_labelled_for_it(rows: Rows) -> None:
    for name in ("topic", "entities"):
        part = rows.for_task(name)
        kept = np.flatnonzero(rows.labelled[:, list(rows.tasks).index(name)])
        assert list(part.tasks) == [name]
        assert part.labelled.tolist() == [[True]] * len(kept)
        assert part.texts(range(len(part))) == rows.texts(kept)
        assert part.values(name, range(len(part))) == rows.values(name, kept)
        assert part.counts(name) == rows.counts(name)
        assert [part.place(row) for row in range(len(part))] == [rows.place(row) for row in kept]
    assert len(rows.for_task("topic").without([0])) == len(rows.for_task("topic")) - 1


def test_only_files_with_rows_that_are_left_are_named(save: Save, read: Read) -> None:
    names = [save(row_of(number), name=f"{number}.jsonl") for number in range(3)]
    rows = read(*names).rows
    assert rows.files() == tuple(names)
    assert rows.for_task("entities").files() == (names[0],)
    assert rows.without(range(3)).files() == ()
