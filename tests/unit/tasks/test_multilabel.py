"""Any number of labels a text."""

import math

import numpy as np
import pytest
import torch

from polyhead.tasks.base import UNOBSERVED
from polyhead.tasks.multilabel import Choice, Multilabel, MultilabelAnswer
from polyhead.text.tokens import TextTokenizer, TokenBatch

LABELS = ("joy", "anger", "fear")


@pytest.fixture
def task() -> Multilabel:
    return Multilabel(labels=LABELS)


@pytest.fixture
def batch(wordpiece: TextTokenizer) -> TokenBatch:
    return wordpiece.batch(wordpiece.tokenize(["one", "two", "three"]))


def answer(**scores: float) -> MultilabelAnswer:
    every = {label: scores.get(label, 0.0) for label in LABELS}
    return MultilabelAnswer(tuple(label for label in LABELS if every[label] >= 0.5), 1.0, every)


def test_a_plain_list_says_no_to_all_others(task: Multilabel, batch: TokenBatch) -> None:
    values = [task.read(["fear", "joy", "joy"], "", []), task.read([], "", []), None]
    assert values[:2] == [Choice(("fear", "joy")), Choice(())]
    targets = task.targets(values, batch)
    assert targets.tolist() == [[1, 0, 1], [0, 0, 0], [UNOBSERVED] * 3]
    assert task.observed(targets) == 6


def test_what_was_not_annotated_is_not_negative(task: Multilabel, batch: TokenBatch) -> None:
    value = task.read({"yes": ["joy"], "no": ["fear"]}, "", [])
    assert value == Choice(("joy",), ("fear",))
    targets = task.targets([value, None, None], batch)
    assert targets[0].tolist() == [1, UNOBSERVED, 0]
    assert task.right(value, answer(joy=0.9, anger=0.9))
    assert not task.right(value, answer(joy=0.9, fear=0.9))
    score = task.score([value], [answer(joy=0.9, anger=0.9)])
    assert score["precision"] == score["recall"] == score["exact"] == 1.0
    assert score["labels"]["anger"]["support"] == 0


def test_what_was_not_annotated_has_no_gradient(task: Multilabel) -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    task.loss(logits, torch.tensor([[1, UNOBSERVED, 0]])).backward()
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([-0.5, 0.0, 0.5])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("joy", "must be a list"),
        ({"yes": ["joy"]}, "must be a list"),
        (["joy", 3], "must be a string that is not empty. Found 3"),
        ({"yes": ["joy"], "no": ["joy"]}, "must not be both yes and no. Found 'joy'"),
        ({"yes": "joy", "no": []}, None),
    ],
)
def test_what_is_no_list_of_labels_is_told(task: Multilabel, value: object, told: str | None) -> None:
    problems: list[str] = []
    read = task.read(value, "", problems)
    if told is None:
        assert read == Choice(("joy",), ())
    else:
        assert read is None
        assert told in problems[0]


def test_a_misspelt_no_is_told(task: Multilabel) -> None:
    problems: list[str] = []
    task.check(Choice(("joy",), ("angr",)), pair=None, problems=problems)
    assert problems == ["no must name labels of the task. Found 'angr'; did you mean 'anger'?"]


def test_the_answer_has_the_shape_of_the_contract(task: Multilabel, batch: TokenBatch) -> None:
    logits = np.log(np.array([[0.81 / 0.19, 0.12 / 0.88, 0.3 / 0.7]] * 3))
    document = task.decode(logits, batch)[0].to_json()
    assert document["labels"] == ["joy"]
    assert document["scores"] == pytest.approx({"joy": 0.81, "anger": 0.12, "fear": 0.3})
    assert document["confidence"] == pytest.approx(0.7)
    assert list(document) == ["kind", "labels", "confidence", "scores"]


def test_each_label_gets_the_threshold_that_is_best_on_dev(task: Multilabel, batch: TokenBatch) -> None:
    gold = [Choice(("joy",))] * 6 + [Choice(())] * 6
    scores = [0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.1, 0.1, 0.1, 0.2, 0.05, 0.2]
    tuned = task.tuned(gold, [answer(joy=score) for score in scores])
    assert tuned.thresholds is not None
    assert tuned.thresholds[0] == pytest.approx(0.25)
    assert tuned.thresholds[1:] == (0.5, 0.5)
    logits = np.log(np.array([[0.3 / 0.7] * 3] * 3))
    assert tuned.decode(logits, batch)[0].labels == ("joy",)
    assert task.decode(logits, batch)[0].labels == ()


def test_a_threshold_lies_where_there_is_a_gap_between_scores(task: Multilabel) -> None:
    gold = [Choice(("joy",))] * 5 + [Choice(())] * 5
    tuned = task.tuned(gold, [answer(joy=0.4)] * 10)
    assert tuned.thresholds is not None
    assert tuned.thresholds[0] == pytest.approx(0.2)


def test_rows_that_do_not_annotate_a_label_do_not_tune_it(task: Multilabel) -> None:
    gold = [Choice(("joy",), ("anger",))] * 8 + [Choice((), ("joy", "anger"))] * 8
    tuned = task.tuned(gold, [answer(joy=0.3, fear=0.9)] * 8 + [answer(joy=0.1)] * 8)
    assert tuned.thresholds is not None
    assert tuned.thresholds[0] == pytest.approx(0.2)
    assert tuned.thresholds[2] == 0.5


def test_balanced_weights_are_negatives_by_positives() -> None:
    task = Multilabel(labels=LABELS, class_weights="balanced")
    rows = [Choice(("joy",)), Choice(("joy", "fear")), Choice(()), Choice(("joy",), ("fear",))]
    assert task.prepared(iter(rows)).balance == (1 / 3, 3.0, 3.0)


def test_a_worked_loss(task: Multilabel) -> None:
    logits = torch.tensor([[1.0, -2.0, 0.0]])
    expected = math.log1p(math.exp(-1.0)) + math.log1p(math.exp(-2.0)) + math.log(2.0)
    assert task.loss(logits, torch.tensor([[1, 0, 1]])).item() == pytest.approx(expected, rel=1e-5)
    focal = Multilabel(labels=LABELS, focal=2.0).loss(torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[1, 0, 1]]))
    assert focal.item() == pytest.approx(3 * 0.25 * math.log(2.0), rel=1e-5)


def test_scores_of_a_worked_example(task: Multilabel) -> None:
    gold = [Choice(("joy", "anger")), Choice(("joy",)), Choice(())]
    given = [answer(joy=1.0), answer(joy=1.0, fear=1.0), answer()]
    score = task.score(gold, given)
    assert score["primary"] == score["micro_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert score["exact"] == pytest.approx(1 / 3)
    assert score["macro_f1"] == pytest.approx((1.0 + 0.0 + 0.0) / 3)
