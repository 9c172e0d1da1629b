"""What cells, choices and tags mean to a task."""

from typing import Any

import pytest

from polyhead.data.columns import Row
from polyhead.data.formats.base import Cell, Choices
from polyhead.data.readings import reading_of
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.tasks.multilabel import Multilabel
from polyhead.tasks.regression import Regression
from polyhead.tasks.tagging import Tagging

ROW = Row("Ada Quill ran", tokens=[0, 3, 4, 9, 10, 13])
TAGS = ["B-PER", "I-PER", "O"]


def read(task: Task, value: object, row: Row = ROW) -> tuple[Any, list[str]]:
    problems: list[str] = []
    return reading_of(task)(value, row, problems), problems


@pytest.mark.parametrize(
    ("task", "value", "plain"),
    [
        (Classification(), Cell("1"), "1"),
        (Classification(), Cell("[x"), "[x"),
        (Classification(), Choices(["a"]), "a"),
        (Multilabel(), Choices(["a"]), ["a"]),
        (Multilabel(), Cell('["a", "b"]'), ["a", "b"]),
        (Regression(), Cell("1.5"), 1.5),
        (Tagging(), TAGS, TAGS),
        (Entities(), Cell('[{"start": 0, "end": 3, "label": "X"}]'), [{"start": 0, "end": 3, "label": "X"}]),
        (Entities(), TAGS, [{"start": 0, "end": 9, "label": "PER"}]),
        (Entities(), Cell('["B-PER", "I-PER", "O"]'), [{"start": 0, "end": 9, "label": "PER"}]),
        (Entities(), ["O", "O", "O"], []),
    ],
)
def test_a_value_is_read_as_what_the_task_asks_for(task: Task, value: object, plain: object) -> None:
    problems: list[str] = []
    assert read(task, value) == (task.read(plain, ROW.text, []), problems)


@pytest.mark.parametrize(
    ("task", "value"),
    [
        (Classification(), Choices(["a", "b"])),
        (Classification(), ["a"]),
        (Regression(), Cell("many")),
        (Entities(), ["B-PER"]),
        (Entities(), ["NN", "NN", "VB"]),
    ],
)
def test_what_no_meaning_fits_is_told_once(task: Task, value: object) -> None:
    found, problems = read(task, value)
    assert found is None
    assert len(problems) >= 1


def test_tags_without_tokens_are_no_spans() -> None:
    assert read(Entities(), TAGS, Row("Ada Quill ran"))[0] is None
