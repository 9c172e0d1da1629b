"""Shares recomputed by hand from the papers' formulas."""

import numpy as np
import pytest

from polyhead.sampling.annealed import Annealed
from polyhead.sampling.base import Course
from polyhead.sampling.dynamic import Dynamic
from polyhead.sampling.fixed import FixedShares
from polyhead.sampling.temperature import Temperature

ROWS = {"a": 90_000, "b": 9_000, "c": 1_000}


def expected(rates: list[float]) -> dict[str, float]:
    return dict(zip(ROWS, (np.array(rates) / sum(rates)).tolist(), strict=True))


def test_temperature_is_that_of_t5_with_the_cap_first() -> None:
    rates = [50_000**0.5, 9_000**0.5, 1_000**0.5]
    assert Temperature(temperature=2.0, cap=50_000).shares(ROWS) == pytest.approx(expected(rates))


@pytest.mark.parametrize(("epoch", "alpha"), [(1, 1.0), (2, 0.8), (3, 0.6), (4, 0.4), (5, 0.2)])
def test_annealed_is_the_schedule_of_pal(epoch: int, alpha: float) -> None:
    # alpha = 1 - 0.8 (e - 1) / (E - 1), here with E = 5.
    found = Annealed().shares(ROWS, Course(progress=(epoch - 1) / 4))
    assert found == pytest.approx(expected([count**alpha for count in ROWS.values()]))


def test_fixed_parts_are_shares_whatever_the_sizes() -> None:
    assert FixedShares(parts={"a": 3.0, "c": 2.0}).shares(ROWS) == pytest.approx({"a": 0.5, "b": 1 / 6, "c": 1 / 3})


def test_dynamic_draws_what_falls_behind_its_reference() -> None:
    sampling = Dynamic(references={"a": 0.8, "b": 0.8, "c": 0.8}, strength=4.0, smoothing=0.5, bound=9.0)
    course = Course(scores=({"a": 0.8, "b": 0.6, "c": 0.4}, {"a": 0.9, "b": 0.4, "c": 0.6}))
    # Lacks of 0, 1/4, 1/2 and then 0, 1/2, 1/4: both of the later two smooth to 3/8.
    rates = [90_000 * 1.0, 9_000 * 2.5, 1_000 * 2.5]
    assert sampling.shares(ROWS, course) == pytest.approx(expected(rates))


def test_dynamic_takes_a_tasks_own_best_where_it_has_no_reference() -> None:
    course = Course(scores=({"a": 0.5, "b": 0.8, "c": 0.9}, {"a": 0.6, "b": 0.4, "c": 0.9}))
    rates = [90_000 * 1.0, 9_000 * (1 + 4 * 0.25), 1_000 * 1.0]
    assert Dynamic().shares(ROWS, course) == pytest.approx(expected(rates))


def test_dynamic_is_bounded_so_that_no_task_starves() -> None:
    course = Course(scores=({"a": 1.0, "b": 1.0, "c": 0.9}, {"a": 0.0, "b": 1.0, "c": 0.9}))
    sampling = Dynamic(strength=1000.0, smoothing=0.0, bound=3.0)
    assert sampling.shares(ROWS, course) == pytest.approx(expected([270_000, 9_000, 1_000]))


def test_a_task_that_an_evaluation_lacks_keeps_what_it_had() -> None:
    before = Course(scores=({"a": 0.5, "b": 0.8, "c": 0.9}, {"a": 0.5, "b": 0.4, "c": 0.9}))
    after = Course(scores=(*before.scores, {"a": 0.5, "c": 0.9}))
    assert Dynamic().shares(ROWS, after) == Dynamic().shares(ROWS, before)
