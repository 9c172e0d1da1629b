"""Labels with an order."""

from typing import Any

import numpy as np
import pytest
import torch

from polyhead.tasks.classification import Classification
from polyhead.tasks.ordinal import Ordinal, OrdinalAnswer
from polyhead.text.tokens import TextTokenizer, TokenBatch

LABELS = ("low", "middle", "high", "top")


@pytest.fixture
def task() -> Ordinal:
    return Ordinal(labels=LABELS)


@pytest.fixture
def batch(wordpiece: TextTokenizer) -> TokenBatch:
    return wordpiece.batch(wordpiece.tokenize(["one", "two", "three"]))


def answers(*labels: str) -> list[OrdinalAnswer]:
    return [OrdinalAnswer(label, 1.0, {}) for label in labels]


def test_the_labels_must_be_given_because_their_order_is_the_point() -> None:
    with pytest.raises(TypeError, match="labels"):
        Ordinal()


def test_a_number_is_read_as_the_label_that_is_written_so() -> None:
    task = Ordinal(labels=("1", "2"))
    assert task.read(2, "", []) == task.read("2", "", []) == "2"


def test_the_cuts_stay_in_order_whatever_is_learned(batch: TokenBatch, random: np.random.Generator) -> None:
    for _ in range(20):
        task = Ordinal(labels=LABELS, cuts=tuple((5 * random.normal(size=3)).tolist()))
        for answer in task.decode(5 * random.normal(size=(3, 1)), batch):
            assert sum(answer.scores.values()) == pytest.approx(1.0)
            assert min(answer.scores.values()) >= 0.0


def test_the_loss_is_the_negative_logarithm_of_the_label_s_probability(batch: TokenBatch) -> None:
    cuts = (-1.0, 0.3, 2.0)
    task = Ordinal(labels=LABELS, starts=(-2.0, 0.5, 1.0), cuts=cuts)
    logits = np.array([[0.4], [-2.0], [3.0]])
    given = task.decode(logits, batch)
    for gold in range(4):
        loss = task.loss(torch.from_numpy(logits), torch.tensor([gold] * 3))
        expected = -sum(np.log(answer.scores[LABELS[gold]]) for answer in given)
        assert loss.item() == pytest.approx(expected, rel=1e-5)
        live = task.with_parameters({"cuts": torch.tensor(cuts)})
        assert live.loss(torch.from_numpy(logits), torch.tensor([gold] * 3)).item() == pytest.approx(loss.item())


@pytest.mark.parametrize("settings", [{"class_weights": {"top": 3.0}}, {"focal": 2.0}, {"label_smoothing": 0.1}])
def test_the_loss_is_bent_as_that_of_other_labels(settings: dict[str, Any], batch: TokenBatch) -> None:
    logits = np.array([[0.4], [-2.0], [3.0]])
    gold = torch.tensor([3, 1, 0])
    scores = [list(answer.scores.values()) for answer in Ordinal(labels=LABELS).decode(logits, batch)]
    expected = Classification(labels=LABELS, **settings).loss(torch.tensor(scores).log(), gold)
    found = Ordinal(labels=LABELS, **settings).loss(torch.from_numpy(logits), gold)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_extreme_numbers_have_a_finite_loss_and_gradient(task: Ordinal) -> None:
    logits = torch.tensor([[1000.0], [-1000.0], [1000.0]], requires_grad=True)
    loss = task.loss(logits, torch.tensor([0, 3, 1]))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_two_labels_have_one_cut(batch: TokenBatch) -> None:
    task = Ordinal(labels=("no", "yes"))
    assert task.parameters == {"cuts": (1,)}
    assert [answer.label for answer in task.decode(np.array([[-2.0], [2.0], [3.0]]), batch)] == ["no", "yes", "yes"]
    assert torch.isfinite(task.loss(torch.zeros(2, 1), torch.tensor([0, 1])))


def test_training_starts_from_the_shares_of_the_labels(batch: TokenBatch) -> None:
    task = Ordinal(labels=LABELS).prepared(["low"] * 60 + ["middle"] * 21 + ["high"] * 18)
    (answer, *_) = task.decode(np.zeros((3, 1)), batch)
    assert list(answer.scores.values()) == pytest.approx([60.5 / 101, 21.5 / 101, 18.5 / 101, 0.5 / 101])
    loss = task.loss(torch.zeros(4, 1), torch.arange(4))
    assert loss.item() == pytest.approx(-sum(np.log(list(answer.scores.values()))), rel=1e-5)


def test_every_label_can_be_the_answer_however_rare_it_is(batch: TokenBatch) -> None:
    task = Ordinal(labels=LABELS).prepared(["low"] * 800 + ["middle"] * 60 + ["high"] * 40 + ["top"] * 100)
    numbers = np.linspace(-9, 9, 1000)[:, None]
    given = [answer.label for answer in task.decode(numbers, batch)]
    assert list(dict.fromkeys(given)) == list(LABELS)


def test_the_answer_is_the_median_of_what_is_probable(batch: TokenBatch, random: np.random.Generator) -> None:
    task = Ordinal(labels=LABELS, cuts=(0.1, -0.7, 0.4))
    for answer in task.decode(3 * random.normal(size=(200, 1)), batch):
        reached = np.cumsum(list(answer.scores.values()))
        assert answer.label == LABELS[int((reached < 0.5).sum())]
        assert answer.confidence == answer.scores[answer.label]


def test_far_off_answers_cost_more_than_near_ones(task: Ordinal) -> None:
    gold = ["low", "middle", "high", "top"]
    near = task.score(gold, answers("low", "middle", "high", "high"))
    far = task.score(gold, answers("low", "middle", "high", "low"))
    assert near["accuracy"] == far["accuracy"] == 0.75
    assert near["primary"] > far["primary"]
    assert (near["mae"], far["mae"]) == (0.25, 0.75)


def test_scores_without_anything_to_disagree_on(task: Ordinal) -> None:
    assert task.score(["low", "low"], answers("low", "low"))["primary"] == 1.0
    assert task.score([], [])["primary"] == 0.0
    assert task.score(["low", "top"], answers("top", "low"))["primary"] == 0.0
