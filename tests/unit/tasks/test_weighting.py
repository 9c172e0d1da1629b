"""Class weights, focal loss and label smoothing."""

import math

import pytest
import torch

from polyhead.tasks.classification import Classification

LABELS = ("a", "b", "c")
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 0.0]])
GOLD = torch.tensor([0, 1])


def log_probabilities() -> torch.Tensor:
    return LOGITS.log_softmax(dim=-1)[[0, 1], GOLD]


def test_labels_count_as_the_recipe_weighs_them() -> None:
    task = Classification(labels=LABELS, class_weights={"b": 3.0})
    one, two = (-log_probabilities()).tolist()
    assert task.loss(LOGITS, GOLD).item() == pytest.approx(one + 3 * two, rel=1e-6)


def test_balanced_labels_count_the_same_in_sum() -> None:
    task = Classification(labels=LABELS, class_weights="balanced").prepared(iter("aaabbbcaaa"))
    assert task.balance == pytest.approx((10 / 3 / 6, 10 / 3 / 3, 10 / 3 / 1))
    one, two = (-log_probabilities()).tolist()
    assert task.loss(LOGITS, GOLD).item() == pytest.approx(10 / 18 * one + 10 / 9 * two, rel=1e-5)


def test_a_label_that_is_never_trained_does_not_lower_the_others() -> None:
    task = Classification(labels=LABELS, class_weights="balanced").prepared(iter("aabb"))
    assert task.balance == (1.0, 1.0, 2.0)


def test_focal_loss_counts_doubtful_rows_more() -> None:
    gold = log_probabilities()
    expected = (-gold * (1 - gold.exp()) ** 2).sum()
    task = Classification(labels=LABELS, focal=2.0)
    assert task.loss(LOGITS, GOLD).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_perfect_answer_has_a_focal_loss_with_a_finite_gradient() -> None:
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    Classification(labels=LABELS, focal=0.5).loss(logits, torch.tensor([0])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_smoothed_labels_agree_with_torch() -> None:
    task = Classification(labels=LABELS, label_smoothing=0.2)
    expected = torch.nn.functional.cross_entropy(LOGITS, GOLD, label_smoothing=0.2, reduction="sum")
    assert task.loss(LOGITS, GOLD).item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_weight_of_an_unknown_label_is_told() -> None:
    with pytest.raises(ValueError, match=r"must name labels of the task\. Found 'bb'; did you mean 'b'"):
        Classification(labels=("aa", "b"), class_weights={"bb": 2.0})


def test_weights_of_labels_that_are_not_known_yet_are_taken() -> None:
    task = Classification(class_weights={"b": 2.0}).with_labels(LABELS)
    assert task.label_weights(torch.zeros(1)).tolist() == [1.0, 2.0, 1.0]
    assert math.isclose(task.weight, 1.0)
