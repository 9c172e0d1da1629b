"""Scores on parts of the rows are those of these parts alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from polyhead.data.columns import Row
from polyhead.data.rows import Rows
from polyhead.data.storage import RowsWriter
from polyhead.runtime.predictor import EngineOutputs, Predictor
from polyhead.studies.scoring import ROUNDS, joined, milliseconds_a_text, score
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.regression import Regression
from polyhead.text.tokens import TextTokenizer, TokenBatch

TASKS: Mapping[str, Task] = {
    "size": Classification(labels=("short", "long")),
    "words": Regression(centers=(0.0,), spreads=(1.0,)),
}


class Counting:
    """Finds texts of three words or more long, and counts their words."""

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        lengths = batch.mask.sum(axis=1).astype(float)
        size = np.stack([2.5 - lengths, lengths - 2.5], axis=1)
        logits = {"size": size, "words": lengths[:, None]}
        return EngineOutputs({name: logits[name] for name in tasks}, np.zeros((len(batch.texts), 2)))


@pytest.fixture
def predictor() -> Predictor:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    return Predictor(
        tasks=TASKS,
        tokenizer=TextTokenizer(tokenizer, max_tokens=32, padding_id=0, filler_id=0),
        engine=Counting(),
    )


def rows_of(records: Sequence[tuple[int, Mapping[str, Any]]]) -> Rows:
    with RowsWriter(TASKS) as writer:
        writer.begin_file("rows.jsonl")
        for line, (words, values) in enumerate(records, start=1):
            writer.add(line, Row(" ".join(["a"] * words), values))
        return writer.finish()


@pytest.fixture
def rows() -> Rows:
    """Ten rows: one in three lacks its size, one in five its words; two sizes are told wrongly."""
    records: list[tuple[int, Mapping[str, Any]]] = []
    for number in range(10):
        words = 1 + number % 5
        values: dict[str, Any] = {}
        if number % 3:
            values["size"] = "long" if (words > 2) != (number in {1, 8}) else "short"
        if number % 5:
            values["words"] = (float(words + (number == 4)),)
        records.append((words, values))
    return rows_of(records)


def test_the_first_score_is_that_of_all_rows(predictor: Predictor, rows: Rows) -> None:
    found = score(predictor, rows, ["size"], groups=np.arange(10) % 2)
    assert found.primary["size"][0] == pytest.approx(4 / 6)


def test_each_further_score_leaves_a_group_out(predictor: Predictor, rows: Rows) -> None:
    groups = np.arange(10) % 2
    found = score(predictor, rows, list(TASKS), groups=groups)
    for group in (0, 1):
        kept = rows.only(np.flatnonzero(groups != group))
        alone = score(predictor, kept, list(TASKS), groups=np.zeros(len(kept), dtype=np.int64) + 1)
        for name in TASKS:
            assert found.primary[name][1 + group] == pytest.approx(alone.primary[name][0]), (name, group)


def test_rows_that_are_right_are_told_one_by_one(predictor: Predictor, rows: Rows) -> None:
    found = score(predictor, rows, ["size"], groups=np.arange(10) % 2)
    assert np.flatnonzero(found.right["size"]).tolist() == [2, 4, 5, 7]


def test_models_of_one_task_join_to_one_of_all(predictor: Predictor, rows: Rows) -> None:
    groups = np.arange(10) % 2
    parts = [score(predictor, rows, [name], groups=groups) for name in TASKS]
    found, whole = joined(parts), score(predictor, rows, list(TASKS), groups=groups)
    assert list(found.primary) == list(found.right) == list(TASKS)
    for name in TASKS:
        np.testing.assert_allclose(found.primary[name], whole.primary[name])
        np.testing.assert_array_equal(found.right[name], whole.right[name])


def test_each_way_is_timed_by_the_models_that_it_takes(predictor: Predictor, rows: Rows) -> None:
    asked: list[str] = []

    class Model(Predictor):
        def __init__(self, name: str) -> None:
            self.name = name

        def predict(self, texts: Sequence[object], tasks: Sequence[str] | None = None) -> list[Any]:
            assert len(texts) == len(rows)
            assert tasks == ["words" if self.name == "c" else "size"]
            asked.append(self.name)
            return []

    ways = [[(Model("a"), ["size"])], [(Model("b"), ["size"]), (Model("c"), ["words"])]]
    one, two = milliseconds_a_text(ways, rows)
    assert asked == ["a", "b", "c"] * ROUNDS
    assert one >= 0
    assert two >= 0
    assert milliseconds_a_text([[(predictor, list(TASKS))]], rows)[0] > 0
