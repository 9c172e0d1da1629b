"""Batches hold every text once, within the budget, with little padding."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.text.planner import plan_batches

LENGTHS = st.lists(st.integers(0, 300), max_size=80)
BUDGETS = st.integers(1, 2000)


@given(LENGTHS, BUDGETS)
def test_every_text_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget=budget)
    assert sorted(index for batch in batches for index in batch.tolist()) == list(range(len(lengths)))


@given(LENGTHS, BUDGETS)
def test_no_batch_of_several_texts_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    for batch in plan_batches(lengths, budget=budget):
        longest = max(lengths[index] for index in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget


@given(LENGTHS, BUDGETS)
def test_no_batch_is_empty(lengths: list[int], budget: int) -> None:
    assert all(len(batch) for batch in plan_batches(lengths, budget=budget))


@given(LENGTHS, BUDGETS)
def test_shorter_texts_come_first(lengths: list[int], budget: int) -> None:
    order = [lengths[index] for batch in plan_batches(lengths, budget=budget) for index in batch]
    assert order == sorted(lengths)


@given(LENGTHS, BUDGETS)
def test_a_batch_is_full(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget=budget)
    for batch, after in pairwise(batches):
        longest = lengths[after[0]]
        assert (len(batch) + 1) * longest > budget or longest == 0


def test_no_texts_make_no_batches() -> None:
    assert plan_batches([], budget=100) == []


def test_texts_of_equal_length_keep_their_order() -> None:
    batches = plan_batches([5] * 7, budget=15)
    assert [batch.tolist() for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_text_beyond_the_budget_makes_a_batch_of_its_own() -> None:
    batches = plan_batches([4, 100, 4], budget=10)
    assert [batch.tolist() for batch in batches] == [[0, 2], [1]]


def test_texts_without_tokens_are_planned_like_others() -> None:
    assert sorted(np.concatenate(plan_batches([0, 0, 3], budget=3)).tolist()) == [0, 1, 2]


def test_an_array_of_lengths_is_as_good_as_a_list() -> None:
    lengths = [9, 2, 7, 7, 1]
    from_list = plan_batches(lengths, budget=14)
    from_array = plan_batches(np.array(lengths, dtype=np.int32), budget=14)
    assert [batch.tolist() for batch in from_list] == [batch.tolist() for batch in from_array]


@pytest.mark.parametrize("budget", [512, 4096])
def test_texts_of_mixed_lengths_waste_little_on_padding(budget: int, random: np.random.Generator) -> None:
    lengths = random.integers(3, 64, size=2000)
    padded = sum(len(batch) * lengths[batch].max() for batch in plan_batches(lengths, budget=budget))
    assert lengths.sum() / padded > 0.9
