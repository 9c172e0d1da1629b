"""One label a text."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from polyhead.tasks.base import UNOBSERVED
from polyhead.tasks.classification import Classification, ClassificationAnswer
from polyhead.text.tokens import TextTokenizer, TokenBatch

TOPICS = ("travel", "technology", "politics")


@pytest.fixture
def task() -> Classification:
    return Classification(labels=TOPICS)


@pytest.fixture
def batch(wordpiece: TextTokenizer) -> TokenBatch:
    return wordpiece.batch(wordpiece.tokenize(["one", "two", "three"]))


def answer(label: str, *, labels: tuple[str, ...] = TOPICS) -> ClassificationAnswer:
    return ClassificationAnswer(label, 1.0, {name: float(name == label) for name in labels})


def test_a_label_is_read_as_it_stands(task: Classification) -> None:
    problems: list[str] = []
    assert task.read("Science/Health ", "a text", problems) == "Science/Health "
    assert problems == []


@pytest.mark.parametrize("value", ["", 3, 1.5, True, ["travel"], {"label": "travel"}])
def test_what_is_no_label_is_a_problem_that_shows_it(task: Classification, value: object) -> None:
    problems: list[str] = []
    assert task.read(value, "a text", problems) is None
    assert problems == [f"a label must be a string that is not empty. Found {value!r}."]


def test_a_value_names_one_label(task: Classification) -> None:
    assert list(task.labels_in("travel")) == ["travel"]


def test_there_are_as_many_outputs_as_labels(task: Classification) -> None:
    assert task.outputs == 3
    assert task.with_labels(["a", "b"]).outputs == 2


def test_filling_in_labels_keeps_the_other_settings() -> None:
    task = Classification(weight=0.5, head="mlp", hidden=8, dropout=0.0).with_labels(iter(TOPICS))
    assert task == Classification(weight=0.5, head="mlp", hidden=8, dropout=0.0, labels=TOPICS)


def test_labels_that_are_not_known_yet_are_told_apart_from_none() -> None:
    with pytest.raises(ValueError, match="read them off the training data first"):
        _ = Classification().outputs


def test_a_target_is_the_number_of_the_label(task: Classification, batch: TokenBatch) -> None:
    targets = task.targets(["politics", None, "travel"], batch)
    assert targets.tolist() == [2, UNOBSERVED, 0]
    assert task.observed(targets) == 2


def test_a_label_that_the_model_does_not_know_is_unobserved(task: Classification, batch: TokenBatch) -> None:
    assert task.targets(["sports", "travel", None], batch).tolist() == [UNOBSERVED, 0, UNOBSERVED]


def test_rows_without_any_label_have_whole_numbers_as_targets(task: Classification, batch: TokenBatch) -> None:
    targets = task.targets([None, None, None], batch)
    assert targets.dtype == np.int64
    assert task.observed(targets) == 0


def test_the_loss_is_a_sum_over_labelled_rows(task: Classification) -> None:
    logits = torch.zeros(4, 3)
    loss = task.loss(logits, torch.tensor([0, UNOBSERVED, 2, 1]))
    assert loss.item() == pytest.approx(3 * math.log(3))


def test_the_loss_of_half_precision_logits_is_computed_in_single(task: Classification) -> None:
    logits = torch.full((1, 3), 1000.0, dtype=torch.bfloat16)
    assert task.loss(logits, torch.tensor([0])).dtype == torch.float32


def test_the_most_probable_label_is_the_answer(task: Classification, batch: TokenBatch) -> None:
    logits = np.array([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)
    first, second, third = task.decode(logits, batch)
    assert (first.label, second.label) == ("technology", "travel")
    assert first.confidence == first.scores["technology"] == max(first.scores.values())
    assert first.scores["politics"] / first.scores["travel"] == pytest.approx(math.e)
    assert third.confidence == pytest.approx(1 / 3)


def test_scores_are_in_the_order_of_the_labels_and_sum_to_one(task: Classification, batch: TokenBatch) -> None:
    logits = np.array([[300.0, -300.0, 0.0], [1e4, 1e4, 0.0], [-1e4, 0.0, 3.0]], dtype=np.float32)
    for found in task.decode(logits, batch):
        assert tuple(found.scores) == TOPICS
        assert sum(found.scores.values()) == pytest.approx(1.0)


def test_an_answer_is_plain_json(task: Classification, batch: TokenBatch) -> None:
    found = task.decode(np.eye(3, dtype=np.float32), batch)[1].to_json()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == ["kind", "label", "confidence", "scores"]


def test_right_is_the_same_label(task: Classification) -> None:
    assert task.right("travel", answer("travel"))
    assert not task.right("travel", answer("politics"))


def test_scores_of_a_worked_example(task: Classification) -> None:
    gold = ["travel", "travel", "technology", "technology"]
    given = [answer("travel"), answer("technology"), answer("technology"), answer("technology")]
    score = task.score(gold, given)
    assert score["primary"] == score["accuracy"] == score["micro_f1"] == 0.75
    assert score["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert score["labels"]["travel"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert score["labels"]["politics"]["support"] == 0
    assert score["confusion"] == {"labels": list(TOPICS), "matrix": [[1, 1, 0], [0, 2, 0], [0, 0, 0]]}


def test_a_gold_label_that_the_model_does_not_know_counts_as_missed(task: Classification) -> None:
    score = task.score(["sports", "travel"], [answer("travel"), answer("travel")])
    assert score["accuracy"] == 0.5
    assert score["labels"]["sports"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert score["confusion"]["labels"] == [*TOPICS, "sports"]
    assert score["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_no_rows_score_zero(task: Classification) -> None:
    score = task.score([], [])
    assert (score["primary"], score["macro_f1"], score["micro_f1"]) == (0.0, 0.0, 0.0)


def test_arrow_stores_a_label_as_a_string(task: Classification) -> None:
    assert task.column_type() == pa.string()
    assert task.from_column(task.to_column("travel")) == "travel"
