"""Scores and loss of classification against scikit-learn and torch."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from polyhead.tasks.base import UNOBSERVED
from polyhead.tasks.classification import Classification, ClassificationAnswer
from polyhead.tasks.entities import Entities

LABELS = tuple("abcdef")


def drawn(seed: int, rows: int, *, labels: tuple[str, ...] = LABELS) -> tuple[list[str], list[str]]:
    """Draw gold and given labels that agree about half of the time; common labels are more common."""
    random = np.random.default_rng(seed)
    share = np.arange(1, len(labels) + 1) / np.arange(1, len(labels) + 1).sum()
    gold = random.choice(labels, size=rows, p=share)
    given = np.where(random.random(rows) < 0.5, gold, random.choice(labels, size=rows))
    return gold.tolist(), given.tolist()


def score_of(gold: list[str], given: list[str]) -> dict[str, object]:
    answers = [ClassificationAnswer(label, 1.0, {label: 1.0}) for label in given]
    return Classification(labels=LABELS).score(gold, answers)


@pytest.mark.parametrize("rows", [1, 3, 10, 500])
@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_those_of_scikit_learn(seed: int, rows: int) -> None:
    gold, given = drawn(seed, rows)
    score = score_of(gold, given)
    # scikit-learn averages over the labels that occur in either list, as we do.
    assert score["accuracy"] == pytest.approx(accuracy_score(gold, given))
    assert score["macro_f1"] == pytest.approx(f1_score(gold, given, average="macro", zero_division=0))
    assert score["micro_f1"] == pytest.approx(f1_score(gold, given, average="micro", zero_division=0))


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_each_label_equal_those_of_scikit_learn(seed: int) -> None:
    gold, given = drawn(seed, 200)
    expected = precision_recall_fscore_support(gold, given, labels=LABELS, zero_division=0)
    found = score_of(gold, given)["labels"]
    for label, *numbers in zip(LABELS, *expected, strict=True):
        assert list(found[label].values()) == pytest.approx(numbers)  # type: ignore[index]


@pytest.mark.parametrize("seed", range(5))
def test_the_confusion_matrix_equals_that_of_scikit_learn(seed: int) -> None:
    gold, given = drawn(seed, 200)
    found = score_of(gold, given)["confusion"]
    assert found["matrix"] == confusion_matrix(gold, given, labels=LABELS).tolist()  # type: ignore[index]


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_of_texts_equals_the_cross_entropy_of_torch(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(40, len(LABELS), generator=generator) * 5
    targets = torch.randint(0, len(LABELS), (40,), generator=generator)
    targets[torch.rand(40, generator=generator) < 0.3] = UNOBSERVED
    expected = torch.nn.functional.cross_entropy(logits, targets, ignore_index=UNOBSERVED, reduction="sum")
    assert torch.allclose(Classification(labels=LABELS).loss(logits, targets), expected)


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_of_words_and_its_gradient_equal_those_of_torch(seed: int) -> None:
    task = Entities(labels=LABELS, decoder="viterbi")
    generator = torch.Generator().manual_seed(seed)
    ours = (torch.randn(6, 11, task.outputs, generator=generator) * 5).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    targets = torch.randint(0, task.outputs, (6, 11), generator=generator)
    targets[torch.rand(6, 11, generator=generator) < 0.5] = UNOBSERVED
    loss = task.loss(ours, targets)
    flat = (theirs.flatten(0, 1), targets.flatten())
    expected = torch.nn.functional.cross_entropy(*flat, ignore_index=UNOBSERVED, reduction="sum")
    loss.backward()
    expected.backward()
    assert torch.allclose(loss, expected)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)  # type: ignore[arg-type]
