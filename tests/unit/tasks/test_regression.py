"""Numbers in the user's unit."""

import numpy as np
import pytest
import torch

from polyhead.tasks.regression import Regression, RegressionAnswer
from polyhead.text.tokens import TextTokenizer, TokenBatch


@pytest.fixture
def batch(wordpiece: TextTokenizer) -> TokenBatch:
    return wordpiece.batch(wordpiece.tokenize(["one", "two", "three", "four"]))


def test_numbers_are_standardised_inside_and_answered_in_the_user_s_unit(batch: TokenBatch) -> None:
    rows = [(10.0,), (20.0,), (30.0,), (40.0,)]
    task = Regression().prepared(iter(rows))
    assert task.centers == (25.0,)
    assert task.spreads == pytest.approx((np.std([10, 20, 30, 40]),))
    targets = task.targets(rows, batch)
    assert targets.mean() == pytest.approx(0.0, abs=1e-6)
    assert targets.std() == pytest.approx(1.0, abs=1e-6)
    assert [answer.value for answer in task.decode(targets, batch)] == pytest.approx([10, 20, 30, 40], abs=1e-4)


def test_numbers_that_never_change_are_answered_as_they_are(batch: TokenBatch) -> None:
    task = Regression().prepared(iter([(3.0,), (3.0,)]))
    assert task.spreads == (1.0,)
    assert task.decode(np.zeros((4, 1)), batch)[0].value == 3.0


def test_large_numbers_keep_their_spread() -> None:
    task = Regression().prepared(iter([(1e9 + value,) for value in range(100)]))
    assert task.spreads == pytest.approx((np.std(np.arange(100)),), rel=1e-6)


def test_one_of_several_numbers_may_be_unknown(batch: TokenBatch) -> None:
    task = Regression(numbers=2)
    value = task.read([1, None], "", [])
    assert value == (1.0, None)
    targets = task.targets([value, None, (2.0, 3.0), None], batch)
    assert task.observed(targets) == 3
    logits = torch.zeros(4, 2, requires_grad=True)
    loss = task.loss(logits, torch.from_numpy(targets))
    loss.backward()
    assert loss.item() == pytest.approx(1.0 + 4.0 + 9.0)
    assert logits.grad is not None
    assert logits.grad.tolist() == [[-2.0, 0.0], [0.0, 0.0], [-4.0, -6.0], [0.0, 0.0]]


def test_huber_is_a_square_within_one_spread_and_a_line_beyond() -> None:
    task = Regression(objective="huber")
    loss = task.loss(torch.tensor([[0.5], [3.0]]), torch.tensor([[0.0], [0.0]]))
    assert loss.item() == pytest.approx(0.125 + 2.5)


@pytest.mark.parametrize("value", ["3", True, None, [1, 2], float("inf"), float("nan"), {}])
def test_what_is_no_number_is_told(value: object) -> None:
    problems: list[str] = []
    assert Regression().read(value, "", problems) is None
    assert len(problems) == 1


def test_the_answer_has_its_first_number_and_all_of_them() -> None:
    document = RegressionAnswer((3.5, 1.0)).to_json()
    assert document == {"kind": "regression", "value": 3.5, "values": [3.5, 1.0]}


def test_what_is_near_enough_is_right() -> None:
    task = Regression().prepared(iter([(0.0,), (4.0,)]))
    assert task.right((3.0,), RegressionAnswer((4.0,)))
    assert not task.right((3.0,), RegressionAnswer((4.1,)))
    assert Regression(tolerance=2.0).right((3.0,), RegressionAnswer((4.1,)))


def test_scores_of_a_worked_example() -> None:
    gold = [(1.0,), (2.0,), (3.0,), (4.0,)]
    given = [RegressionAnswer((value,)) for value in (1.0, 3.0, 2.0, 5.0)]
    score = Regression().score(gold, given)
    assert score["primary"] == score["pearson"] == pytest.approx(np.corrcoef([1, 2, 3, 4], [1, 3, 2, 5])[0, 1])
    assert score["spearman"] == pytest.approx(0.8)
    assert score["mae"] == pytest.approx(0.75)
    assert score["rmse"] == pytest.approx(np.sqrt(0.75))
    assert score["scatter"] == {"gold": [1.0, 2.0, 3.0, 4.0], "given": [1.0, 3.0, 2.0, 5.0]}


def test_answers_against_the_gold_are_no_worse_than_zero() -> None:
    score = Regression().score([(1.0,), (2.0,)], [RegressionAnswer((2.0,)), RegressionAnswer((1.0,))])
    assert score["pearson"] == pytest.approx(-1.0)
    assert score["primary"] == 0.0


def test_no_rows_score_zero() -> None:
    assert Regression().score([], [])["primary"] == 0.0


def test_a_number_beyond_all_floats_is_refused() -> None:
    problems: list[str] = []
    assert Regression().read(10**400, "", problems) is None
    assert "must be finite" in problems[0]


def test_numbers_that_are_annotated_nowhere_take_no_part_in_the_correlation() -> None:
    gold = [(1.0, None), (2.0, None), (3.0, None)]
    given = [RegressionAnswer((value, 0.0)) for value in (1.0, 2.5, 3.0)]
    one = Regression().score([(value,) for value, _ in gold], [RegressionAnswer(of.values[:1]) for of in given])
    both = Regression(numbers=2).score(gold, given)
    assert {name: both[name] for name in ("primary", "pearson", "spearman", "mae")} == {
        name: one[name] for name in ("primary", "pearson", "spearman", "mae")
    }
