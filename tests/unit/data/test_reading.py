"""Files to rows: what is wrong with whole files, mapped fields, partial labels, and the memory that it takes."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from polyhead.data import reading
from polyhead.data.reading import RowsRead
from polyhead.errors import StorageError
from polyhead.recipe import DataSource
from polyhead.spans import Span
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

Save = Callable[..., str]
Read = Callable[..., RowsRead]

SEED_ROW = {
    "sentence": "Fetch Rewards is awesome and is America's number one app",
    "task_A": "technology",
    "task_B": [
        {"text": "Fetch Rewards", "type": "ORG", "start": 0, "end": 13},
        {"text": "America", "type": "LOC", "start": 32, "end": 39},
    ],
}
SEED_FIELDS = {"text": "sentence", "topic": "task_A", "entities": "task_B"}
GOOD = {"text": "a", "topic": "x"}


def test_a_row_is_read_as_it_stands_through_fields(save: Save, read: Read) -> None:
    rows, faults, file_faults = fields_of(read(save(SEED_ROW), fields=SEED_FIELDS))
    assert not faults
    assert not file_faults
    assert rows.texts([0]) == [SEED_ROW["sentence"]]
    assert rows.values("topic", [0]) == ["technology"]
    assert rows.values("entities", [0]) == [(Span(0, 13, "ORG", "Fetch Rewards"), Span(32, 39, "LOC", "America"))]


def fields_of(result: RowsRead) -> tuple[Any, list[str], list[str]]:
    return result.rows, [str(fault) for fault in result.faults], [str(fault) for fault in result.file_faults]


def test_a_fault_of_a_mapped_field_names_its_column(save: Save, read: Read) -> None:
    name = save(SEED_ROW, {**SEED_ROW, "task_A": 3})
    _, faults, _ = fields_of(read(name, fields=SEED_FIELDS))
    assert faults == [
        "rows.jsonl:2: topic (column 'task_A'): a label must be a string that is not empty. Found 3.",
    ]


def test_bad_rows_are_left_out_and_all_are_named(save: Save, read: Read) -> None:
    name = save(GOOD, {"text": 1}, "broken", {"text": "b", "topic": "y"}, {"text": "c", "topic": []})
    rows, faults, file_faults = fields_of(read(name))
    assert rows.texts(range(2)) == ["a", "b"]
    assert [fault.split(": ")[0] for fault in faults] == ["rows.jsonl:2", "rows.jsonl:3", "rows.jsonl:5"]
    assert file_faults == []


def test_each_file_may_label_some_of_the_tasks(save: Save, read: Read) -> None:
    topics = save({"text": "a", "topic": "x"}, {"text": "b", "topic": None}, name="topics.jsonl")
    spans = save({"text": "c", "entities": []}, name="spans.jsonl")
    both = save({"text": "d", "topic": "y", "entities": [{"start": 0, "end": 1, "type": "L"}]}, name="both.jsonl")
    rows, faults, file_faults = fields_of(read(topics, spans, both))
    assert faults == file_faults == []
    assert rows.labelled.tolist() == [[True, False], [False, False], [False, True], [True, True]]
    assert rows.values("entities", range(4)) == [None, None, (), (Span(0, 1, "L", "d"),)]
    assert [rows.place(row) for row in range(4)] == [
        "topics.jsonl:1",
        "topics.jsonl:2",
        "spans.jsonl:1",
        "both.jsonl:1",
    ]


def test_one_file_may_be_read_twice_with_other_fields(save: Save, tmp_path: Path, tasks: dict[str, Task]) -> None:
    name = save({"question": "a", "reply": "b", "topic": "x"})
    sources = [DataSource(path=name, fields={"text": column}) for column in ("question", "reply")]
    assert reading.read_rows(sources, tasks, folder=tmp_path).rows.texts([0, 1]) == ["a", "b"]


def test_declared_labels_are_the_only_ones(save: Save, read: Read) -> None:
    asked = {"topic": Classification(labels=("sports", "science")), "entities": Entities(labels=("ORG",))}
    name = save({"text": "a", "topic": "sport"}, {"text": "a", "topic": "science"})
    rows, faults, _ = fields_of(read(name, asked=asked))
    assert len(rows) == 1
    assert faults == [
        (
            "rows.jsonl:1: topic: a label must be among `tasks.topic.labels`. Found 'sport'; did you mean 'sports'? "
            "Correct the row, or add the label to `tasks.topic.labels`."
        )
    ]


def test_labels_read_off_the_training_rows_are_the_only_ones_of_dev(save: Save, read: Read) -> None:
    name = save(GOOD, {"text": "a", "topic": "z"}, {"text": "a", "entities": [{"start": 0, "end": 1, "label": "L"}]})
    rows, faults, _ = fields_of(read(name, trained={"topic": ["x", "y"]}))
    assert len(rows) == 2
    assert faults == [
        (
            "rows.jsonl:2: topic: a label must be among the labels of the training rows. Found 'z'. "
            'Declare it in `tasks.topic.labels`, or leave such rows out with `on_bad_rows = "skip"`.'
        )
    ]


def test_a_missing_file_is_named_with_a_close_one(save: Save, read: Read, tmp_path: Path) -> None:
    save(GOOD, name="train.jsonl")
    rows, faults, file_faults = fields_of(read("trian.jsonl"))
    assert (len(rows), faults) == (0, [])
    found = str(tmp_path / "trian.jsonl")
    assert file_faults == [f"trian.jsonl: the file must exist. Found nothing at {found!r}; did you mean 'train.jsonl'?"]


@pytest.mark.parametrize("name", ["absent/rows.jsonl", "a\0b.jsonl", "some-hub-id"])
def test_no_path_is_too_odd_to_be_reported(name: str, read: Read) -> None:
    (fault,) = read(name).file_faults
    assert fault.rule.startswith("the file must exist. Found nothing at ")


def test_a_folder_is_no_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").mkdir()
    assert [str(fault) for fault in read("rows.jsonl").file_faults] == [
        (
            "rows.jsonl: a folder must hold `seq.in`, or a data set that `save_to_disk` wrote. Found neither. "
            "Name the files in it one by one."
        )
    ]


def test_an_unknown_format_is_told_which_are_known(save: Save, read: Read) -> None:
    (fault,) = read(save("text of some kind", name="rows.docx")).file_faults
    assert fault.rule.startswith("a data file must end in .jsonl, .ndjson, .json, .csv, ")
    assert fault.rule.endswith("or be told by `format`. Found '.docx'.")
    assert "one of jsonl, json, csv, " in fault.advice


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_an_unreadable_file_says_why(save: Save, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    name = save(GOOD)
    (tmp_path / name).chmod(0)
    if os.access(tmp_path / name, os.R_OK):  # the super user may read everything
        monkeypatch.setattr(Path, "open", refuse)
    (fault,) = read(name).file_faults
    assert str(fault) == "rows.jsonl: the file must be readable. Found: Permission denied."


@pytest.mark.parametrize("content", ["", "\n \n\t\n", "\ufeff"])
def test_an_empty_file_is_a_fault(content: str, save: Save, read: Read) -> None:
    assert [str(fault) for fault in read(save(content)).file_faults] == [
        "rows.jsonl: the file must hold rows. Found none. Put rows into it, or leave it out of the recipe."
    ]


def test_a_file_of_broken_lines_only_has_their_faults(save: Save, read: Read) -> None:
    _, faults, file_faults = fields_of(read(save("no", "no")))
    assert len(faults) == 2
    assert file_faults == []


def test_a_file_of_another_format_stops_being_read(save: Save, read: Read) -> None:
    _, faults, file_faults = fields_of(read(save(*["text,topic"] * 500)))
    assert len(faults) == 100
    assert file_faults[0].startswith("rows.jsonl: the file must be JSON Lines.")


def test_a_file_without_text_has_one_fault_and_not_one_a_line(save: Save, read: Read) -> None:
    name = save(*[{"texts": "a", "topic": "x"}] * 300)
    rows, faults, file_faults = fields_of(read(name))
    assert (len(rows), faults) == (0, [])
    assert file_faults == [
        (
            "rows.jsonl: the file must have the column 'text' for the text. "
            "Found the columns 'texts', 'topic'; did you mean 'texts'? "
            'Name the right column with `fields = { text = "…" }`.'
        )
    ]


def test_a_file_in_which_some_rows_lack_text_has_a_fault_for_each(save: Save, read: Read) -> None:
    _, faults, file_faults = fields_of(read(save(GOOD, {"topic": "x"}, {"topic": "x", "text": None})))
    assert [fault.split(": ")[0] for fault in faults] == ["rows.jsonl:2", "rows.jsonl:3"]
    assert file_faults == []


def test_a_file_that_labels_no_task_lists_its_columns(save: Save, read: Read) -> None:
    (fault,) = read(save({"text": "a", "Topic": "x"}, {"text": "b", "topic": None, "id": 3})).file_faults
    assert str(fault) == (
        "rows.jsonl: the file must label a task: 'topic', 'entities'. "
        "Found the columns 'text', 'Topic', 'topic', 'id'; did you mean 'Topic'? "
        'Name the column of a task with `fields = { topic = "…" }`, or leave the file out.'
    )


def test_a_mapped_column_that_is_in_no_row_is_a_fault(save: Save, read: Read) -> None:
    name = save({"text": "a", "topic": "x", "category": "y"})
    (fault,) = read(name, fields={"topic": "categry"}).file_faults
    assert fault.rule == (
        "the file must have the column 'categry', which `fields` gives for topic. "
        "Found the columns 'text', 'topic', 'category'; did you mean 'category'?"
    )


def test_columns_of_nobody_are_passed_over(save: Save, read: Read) -> None:
    result = read(save({**GOOD, "file": "x", "line": [1], "task.topic": 7, "note": "\ud800"}))
    assert not result.faults
    assert len(result.rows) == 1


def test_all_files_are_read_to_their_end(save: Save, read: Read) -> None:
    first, second = save(GOOD, "x", name="a.jsonl"), save({"text": 1, "topic": "x"}, GOOD, name="b.jsonl")
    rows, faults, file_faults = fields_of(read(first, "absent.jsonl", second))
    assert len(rows) == 2
    assert [fault.split(": ")[0] for fault in faults] == ["a.jsonl:2", "b.jsonl:1"]
    assert [fault.split(": ")[0] for fault in file_faults] == ["absent.jsonl"]


def test_a_temporary_folder_that_cannot_be_made_is_a_storage_error(
    save: Save, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/dev/null/absent")
    with pytest.raises(StorageError, match=r"temporary folder.*TMPDIR"):
        read(save(GOOD))


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, read: Read) -> None:
    row = json.dumps({"text": "a word " * 200, "topic": "x"}) + "\n"
    (tmp_path / "small.jsonl").write_text(row * 11_000)
    (tmp_path / "large.jsonl").write_text(row * 40_000)
    process = psutil.Process()
    read("small.jsonl")
    before = process.memory_info().rss
    rows = read("large.jsonl").rows
    assert len(rows) == 40_000
    assert process.memory_info().rss - before < 40 * 2**20 < len(row) * 40_000
