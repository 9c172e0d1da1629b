"""How sure a difference is: by rows, by seeds, and by both."""

import math

import numpy as np
import pytest

from polyhead.studies.differences import Difference, compare_scores, grouped


def accuracies(right: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Score rows that are right or wrong, shape `(rows, seeds, 2)`, on all of them and on those less each group."""
    kept = [np.ones(len(groups), dtype=bool), *(groups != group for group in range(groups.max() + 1))]
    return np.stack([right[of].mean(axis=0) for of in kept])


def compared(right: np.ndarray, groups: np.ndarray) -> Difference:
    scores = accuracies(right, groups)
    return compare_scores(scores[0], scores[1:])


def test_the_scores_are_averaged_over_the_seeds() -> None:
    scores = np.array([[0.5, 0.7], [0.6, 0.6]])
    found = compare_scores(scores, np.stack([scores, scores]))
    assert found.alone == pytest.approx(0.55)
    assert found.together == pytest.approx(0.65)
    assert found.difference == pytest.approx(0.1)
    assert found.seeds == ((0.5, 0.7), (0.6, 0.6))


def test_models_that_never_differ_leave_no_doubt() -> None:
    scores = np.full((3, 2), 0.5)
    found = compare_scores(scores, np.stack([scores] * 4))
    assert found.interval == (0.0, 0.0)
    assert found.verdict == "no difference shown"


def test_rows_alone_give_the_standard_error_of_a_mean(random: np.random.Generator) -> None:
    """With a group a row, the jackknife of a mean is its textbook standard error; two equal seeds add nothing."""
    rows = 40
    right = np.repeat(random.random((rows, 1, 2)), 2, axis=1)
    found = compared(right, np.arange(rows))
    each = right[:, 0, 1] - right[:, 0, 0]
    error = each.std(ddof=1) / math.sqrt(rows)
    # Student's t for 39 degrees of freedom, from a table: 2.0227.
    assert found.interval[1] - found.difference == pytest.approx(2.0227 * error, rel=1e-4)
    assert found.difference - found.interval[0] == pytest.approx(2.0227 * error, rel=1e-4)


def test_seeds_alone_give_the_interval_of_a_paired_t_test() -> None:
    scores = np.array([[0.50, 0.53], [0.50, 0.55], [0.50, 0.52]])
    found = compare_scores(scores, np.stack([scores] * 5))
    error = np.std([0.03, 0.05, 0.02], ddof=1) / math.sqrt(3)
    # Student's t for 2 degrees of freedom: 4.3027.
    assert found.interval[1] - found.difference == pytest.approx(4.3027 * error, rel=1e-4)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.01, 0.03), "helps"),
        ((-0.03, -0.01), "hurts"),
        ((-0.01, 0.03), "no difference shown"),
        ((0.0, 0.03), "no difference shown"),
        ((-0.03, 0.0), "no difference shown"),
    ],
)
def test_the_verdict_needs_zero_outside_the_interval(interval: tuple[float, float], verdict: str) -> None:
    found = Difference(((0.5, 0.51), (0.5, 0.51)), interval)
    assert found.verdict == verdict
    assert found.to_json()["verdict"] == verdict
    assert found.to_json()["interval"] == list(interval)


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("rows", [200, 2000])
def test_the_interval_holds_the_truth_as_often_as_it_says(random: np.random.Generator, rows: int, seeds: int) -> None:
    """Rows differ in how hard they are, seeds in how well they train: the truth is a difference of 0.02."""
    studies = 200
    held = 0
    for _ in range(studies):
        hard = random.normal(0.7, 0.2, (rows, 1, 1))
        luck = random.normal(0.0, 0.02, (1, seeds, 2))
        chance = np.clip(hard + luck + np.array([0.0, 0.02]), 0.0, 1.0)
        right = (random.random((rows, seeds, 2)) < chance).astype(float)
        low, high = compared(right, grouped(np.ones((rows, 1), dtype=bool))).interval
        held += low <= 0.02 <= high
    # 95 % and three standard errors of 200 studies less.
    assert held / studies > 0.9


def test_two_seeds_that_agree_by_chance_do_not_stand_for_all() -> None:
    """However sure the rows are, the interval is not narrower than that of a paired t test over the seeds."""
    scores = np.array([[0.5, 0.52], [0.5, 0.521]])
    noise = np.linspace(-1e-4, 1e-4, 50)[:, None, None] * np.array([0.0, 1.0])
    found = compare_scores(scores, scores + noise)
    assert found.interval[1] - found.difference >= 12.706 * 0.0005 - 1e-6


def test_ends_are_differences_of_scores() -> None:
    scores = np.array([[0.1, 0.9], [0.9, 0.1]])
    assert compare_scores(scores, np.stack([scores] * 3)).interval == (-1.0, 1.0)


def test_groups_part_the_rows_of_each_task_evenly() -> None:
    labelled = np.zeros((300, 3), dtype=bool)
    labelled[:200, 0] = labelled[150:, 1] = True
    labelled[::3, 2] = True
    groups = grouped(labelled)
    assert groups.max() + 1 == 50
    for task in range(3):
        sizes = np.bincount(groups[labelled[:, task]], minlength=50)
        assert sizes.max() - sizes.min() <= 4  # one more or less for each set of tasks that rows are labelled for
        assert sizes.min() >= 1


def test_few_rows_make_few_groups() -> None:
    labelled = np.ones((100, 2), dtype=bool)
    labelled[20:, 1] = False
    assert grouped(labelled).max() + 1 == 10
    assert set(grouped(np.ones((2, 1), dtype=bool)).tolist()) == {0, 1}


def test_the_same_seed_deals_the_same_groups() -> None:
    labelled = np.ones((50, 1), dtype=bool)
    assert (grouped(labelled) == grouped(labelled)).all()
    assert (grouped(labelled) != grouped(labelled, seed=1)).any()
