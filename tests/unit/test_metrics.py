"""Scores from counts never divide by zero and agree with their definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.metrics import Counts, label_scores, macro_f1, pearson, scatter, spearman, total

NUMBERS = st.integers(min_value=0, max_value=10**9)
COUNTS = st.builds(Counts, NUMBERS, NUMBERS, NUMBERS)


def test_nothing_counted_scores_zero_everywhere() -> None:
    assert Counts().to_json() == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_scores_follow_their_definitions() -> None:
    counts = Counts(right=6, in_vain=2, missed=4)
    assert counts.precision == 6 / 8
    assert counts.recall == 6 / 10
    assert counts.f1 == pytest.approx(2 * (6 / 8) * (6 / 10) / (6 / 8 + 6 / 10))
    assert counts.support == 10


def test_all_right_scores_one() -> None:
    counts = Counts(right=3)
    assert (counts.precision, counts.recall, counts.f1) == (1.0, 1.0, 1.0)


def test_only_in_vain_or_only_missed_scores_zero() -> None:
    assert Counts(in_vain=5).f1 == 0.0
    assert Counts(missed=5).f1 == 0.0


@given(COUNTS)
def test_f1_lies_between_precision_and_recall(counts: Counts) -> None:
    low, high = sorted((counts.precision, counts.recall))
    assert low - 1e-12 <= counts.f1 <= high + 1e-12


@given(COUNTS)
def test_every_score_is_in_the_unit_interval(counts: Counts) -> None:
    for score in (counts.precision, counts.recall, counts.f1):
        assert 0.0 <= score <= 1.0


@given(st.lists(COUNTS, max_size=5))
def test_totals_add_up(counts: list[Counts]) -> None:
    every = total({str(number): count for number, count in enumerate(counts)})
    assert every.right == sum(count.right for count in counts)
    assert every.in_vain == sum(count.in_vain for count in counts)
    assert every.missed == sum(count.missed for count in counts)


def test_macro_f1_is_the_mean_over_labels_that_occur() -> None:
    counts = {"seen": Counts(right=1), "given": Counts(in_vain=1), "missed": Counts(missed=1), "absent": Counts()}
    assert macro_f1(counts) == pytest.approx(1 / 3)


def test_macro_f1_of_no_label_is_zero() -> None:
    assert macro_f1({}) == 0.0
    assert macro_f1({"absent": Counts()}) == 0.0


def test_a_rare_label_counts_as_much_as_a_common_one_in_macro_f1() -> None:
    assert macro_f1({"common": Counts(right=1000), "rare": Counts(missed=1)}) == 0.5


def test_labels_are_scored_with_their_confusion() -> None:
    scores = label_scores(["a", "b", "new"], ["a", "a", "b"], labels=("a", "b"))
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["confusion"] == {"labels": ["a", "b", "new"], "matrix": [[1, 0, 0], [1, 0, 0], [0, 1, 0]]}
    assert scores["labels"]["new"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_no_labels_score_zero() -> None:
    assert label_scores([], [], labels=("a", "b"))["accuracy"] == 0.0


def test_what_never_changes_correlates_with_nothing() -> None:
    assert pearson([1, 1, 1], [1, 2, 3]) == pearson([], []) == spearman([2, 2], [1, 3]) == 0.0


def test_correlation_is_exact_at_its_ends() -> None:
    assert pearson([1, 2, 4], [10, 20, 40]) == pytest.approx(1.0)
    assert spearman([1, 2, 4], [3, 2, -100]) == pytest.approx(-1.0)


def test_a_scatter_is_spread_over_all_rows() -> None:
    points = scatter(range(1000), range(1000), points=5)
    assert points["gold"] == points["given"] == [0, 249, 499, 749, 999]
    assert scatter([], []) == {"gold": [], "given": []}
