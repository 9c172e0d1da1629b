"""Losses over the rows of a batch."""

import math

import pytest
import torch

from polyhead.decoding.likeness import ANCHOR, LEFT, NEGATIVE, POSITIVE, RIGHT, contrast, cosent, squared


def unit(*angles: float) -> torch.Tensor:
    return torch.tensor([[math.cos(angle), math.sin(angle)] for angle in angles])


def targets(*sides: tuple[float, float, float, float]) -> torch.Tensor:
    return torch.tensor(sides, dtype=torch.float32)


PAIRS = targets((0, ANCHOR, 0, 0), (0, POSITIVE, 0, 1), (1, ANCHOR, 0, 2), (1, POSITIVE, 0, 3), (1, NEGATIVE, 0, 4))


def test_a_positive_is_looked_for_among_all_second_texts() -> None:
    vectors = unit(0.0, 0.3, 1.5, 1.2, 2.5)
    cosines = [[math.cos(a - b) / 0.1 for b in (0.3, 1.2, 2.5)] for a in (0.0, 1.5)]
    expected = sum(math.log(sum(map(math.exp, row))) - row[i] for i, row in enumerate(cosines))
    assert contrast(vectors, PAIRS, temperature=0.1).item() == pytest.approx(expected, rel=1e-3)


def test_equal_texts_are_never_pushed_apart() -> None:
    # The second pair's positive is the text of the first: it is no wrong answer there.
    same = PAIRS.clone()
    same[3, 3] = same[1, 3]
    vectors = unit(0.0, 0.3, 1.5, 0.3, 2.5)
    first = [math.cos(0.3) / 0.1, math.cos(2.5) / 0.1]
    second = [math.cos(1.2) / 0.1, math.cos(1.0) / 0.1]
    expected = sum(math.log(sum(map(math.exp, row))) - row[0] for row in (first, second))
    assert contrast(vectors, same, temperature=0.1).item() == pytest.approx(expected, rel=1e-5)


def test_the_order_of_scored_pairs_is_what_counts() -> None:
    rows = targets((0, LEFT, 0.0, 0), (0, RIGHT, 0.0, 1), (1, LEFT, 1.0, 2), (1, RIGHT, 1.0, 3))
    right, wrong = unit(0.0, 2.0, 0.0, 0.1), unit(0.0, 0.1, 0.0, 2.0)
    assert cosent(right, rows, temperature=0.05) < 1e-5 < cosent(wrong, rows, temperature=0.05)
    difference = (math.cos(0.1) - math.cos(2.0)) / 0.05
    expected = 2 * math.log1p(math.exp(difference))
    assert cosent(wrong, rows, temperature=0.05).item() == pytest.approx(expected, rel=1e-4)


def test_equal_scores_have_no_order() -> None:
    rows = targets((0, LEFT, 0.5, 0), (0, RIGHT, 0.5, 1), (1, LEFT, 0.5, 2), (1, RIGHT, 0.5, 3))
    vectors = unit(0.0, 2.0, 0.0, 0.1).requires_grad_()
    loss = cosent(vectors, rows, temperature=0.05)
    loss.backward()
    assert loss.item() == 0.0
    assert vectors.grad is not None
    assert not vectors.grad.any()


def test_the_distance_of_cosine_and_score_is_squared() -> None:
    rows = targets((0, LEFT, 0.5, 0), (0, RIGHT, 0.5, 1))
    assert squared(unit(0.0, 1.0), rows, temperature=1.0).item() == pytest.approx((math.cos(1.0) - 0.5) ** 2, rel=1e-5)


@pytest.mark.parametrize("loss", [contrast, cosent, squared])
def test_a_batch_without_such_rows_has_no_loss(loss: object) -> None:
    vectors = unit(0.0, 1.0).requires_grad_()
    rows = targets((0, LEFT, 0.5, 0), (0, RIGHT, 0.5, 1)) if loss is contrast else PAIRS[:2]
    found = loss(vectors, rows, temperature=0.1)  # type: ignore[operator]
    found.backward()
    assert found.item() == 0.0
    assert vectors.grad is not None
    assert not vectors.grad.any()
