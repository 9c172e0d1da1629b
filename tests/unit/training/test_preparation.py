"""What tasks learn of the rows before they are trained, and what is left out."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from polyhead.data.dataset import Dataset
from polyhead.data.rows import Rows
from polyhead.errors import DataError
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.embedding import Embedding
from polyhead.tasks.entities import Entities
from polyhead.tasks.regression import Regression
from polyhead.text.tokens import TextTokenizer
from polyhead.training.preparation import aligned, prepared, texts_of

TASKS: dict[str, Task] = {
    "topic": Classification(labels=("a", "b"), class_weights="balanced"),
    "score": Regression(),
    "meaning": Embedding(),
    "places": Entities(labels=("LOC",)),
}


def dataset(train: Rows, dev: Rows | None = None) -> Dataset:
    return Dataset(train=train, dev=dev, test=None, tasks=TASKS, skipped=())


def test_tasks_learn_what_they_need_of_the_training_values(rows_of: Callable[..., Rows]) -> None:
    rows = rows_of(
        TASKS,
        {"text": "x", "topic": "a", "score": 2.0},
        {"text": "x", "topic": "a", "score": 4},
        {"text": "x", "topic": "b"},
        {"text": "x"},
    )
    tasks = prepared(dataset(rows)).tasks
    assert isinstance(tasks["topic"], Classification)
    assert tasks["topic"].balance == (0.75, 1.5)
    assert isinstance(tasks["score"], Regression)
    assert (tasks["score"].centers, tasks["score"].spreads) == ((3.0,), (1.0,))
    # What training fills in is no setting: the tasks still compare equal.
    assert dict(tasks) == TASKS


def test_every_text_that_is_read_is_named(rows_of: Callable[..., Rows]) -> None:
    rows = rows_of(
        TASKS,
        {"text": "one"},
        {"text": "two", "text_pair": "three", "meaning": 1.0},
        {"text": "four", "meaning": {"positive": "five", "negative": "six"}},
    )
    assert set(texts_of(rows)) == {"one", "two", "three", "four", "five", "six"}


def test_spans_within_words_stop_training_or_leave_their_rows_out(
    rows_of: Callable[..., Rows], tokenizer: TextTokenizer
) -> None:
    good = {"text": "red sky", "places": [{"start": 0, "end": 3, "label": "LOC"}]}
    bad = {"text": "red sky", "places": [{"start": 0, "end": 2, "label": "LOC"}]}
    data = dataset(rows_of(TASKS, good, bad), rows_of(TASKS, good))
    with pytest.raises(DataError, match=r"rows.jsonl:2: places: an entity must begin and end where words do"):
        aligned(data, tokenizer, skip=False)
    kept = aligned(data, tokenizer, skip=True)
    assert (len(kept.train), len(data.train)) == (1, 2)
    assert kept.dev is data.dev
    assert len(kept.skipped) == 1


def test_spans_beyond_the_first_window_are_looked_at_too(
    rows_of: Callable[..., Rows], tokenizer: TextTokenizer
) -> None:
    text = "sky " * 40
    late = {"text": text, "places": [{"start": 120, "end": 122, "label": "LOC"}]}
    data = replace(dataset(rows_of(TASKS, late)))
    with pytest.raises(DataError):
        aligned(data, tokenizer, skip=False)


def test_rows_that_are_left_out_must_leave_something_to_train_on(
    rows_of: Callable[..., Rows], tokenizer: TextTokenizer
) -> None:
    bad = {"text": "red sky", "places": [{"start": 0, "end": 2, "label": "LOC"}]}
    other = {"text": "red", "topic": "a"}
    with pytest.raises(DataError, match=r"data.train: the split must have a good row"):
        aligned(dataset(rows_of(TASKS, bad)), tokenizer, skip=True)
    with pytest.raises(DataError, match=r"tasks.places: a task must have a labelled training row"):
        aligned(dataset(rows_of(TASKS, bad, other)), tokenizer, skip=True)
    with pytest.raises(DataError, match=r"data.dev: the split must have a good row"):
        aligned(dataset(rows_of(TASKS, other), rows_of(TASKS, bad)), tokenizer, skip=True)
