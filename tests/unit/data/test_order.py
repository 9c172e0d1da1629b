import json
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyhead.data.order import Epoch, EpochOrder, TaskShare
from polyhead.sampling.temperature import Temperature
from polyhead.spans import Booleans, Integers


class Constant:
    """An order with the same shares in every epoch, asked by the number of the epoch."""

    def __init__(
        self, labelled: Booleans, names: Sequence[str], shares: Mapping[str, float], *, seed: int, mix: bool = True
    ) -> None:
        self.order = EpochOrder(labelled, names, seed=seed, mix=mix)
        self.shares = shares

    def at(self, number: int) -> Epoch:
        epoch = self.order.first(self.shares)
        for _ in range(number):
            epoch = self.order.after(epoch, self.shares)
        return epoch

    def epoch(self, number: int) -> Integers:
        return self.order.rows(self.at(number))

    def batches(self, number: int, lengths: Integers, *, budget: int) -> list[Integers]:
        return [draw.rows for draw in self.order.batches(self.at(number), lengths, budget=budget)]

    def table(self) -> list[TaskShare]:
        return self.order.table(self.at(0))


def order_of(labelled: Booleans, *, temperature: float = 1.0, seed: int = 0, mix: bool = True) -> Constant:
    names = [f"task{column}" for column in range(labelled.shape[1])]
    sizes = dict(zip(names, labelled.sum(axis=0).tolist(), strict=True))
    return Constant(labelled, names, Temperature(temperature=temperature).shares(sizes), seed=seed, mix=mix)


def one_task_each(*sizes: int) -> Booleans:
    return np.repeat(np.eye(len(sizes), dtype=bool), sizes, axis=0)


SOME_LABELLED = arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 4))).filter(np.any)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(labelled=SOME_LABELLED, epoch=st.integers(0, 1000))
def test_in_proportion_to_size_every_labelled_row_comes_once_an_epoch(labelled: Booleans, epoch: int) -> None:
    assert sorted(order_of(labelled).epoch(epoch)) == np.flatnonzero(labelled.any(axis=1)).tolist()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(labelled=SOME_LABELLED, temperature=st.floats(1, 100), epoch=st.integers(0, 50))
def test_an_epoch_draws_as_often_as_there_are_labelled_rows(labelled: Booleans, temperature: float, epoch: int) -> None:
    drawn = order_of(labelled, temperature=temperature).epoch(epoch)
    assert len(drawn) == labelled.any(axis=1).sum()
    assert labelled[drawn].any(axis=1).all()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(labelled=SOME_LABELLED, temperature=st.floats(1, 100))
def test_every_labelled_row_comes_sooner_or_later(labelled: Booleans, temperature: float) -> None:
    order = order_of(labelled, temperature=temperature)
    drawn = np.concatenate([order.epoch(epoch) for epoch in range(len(labelled))])
    assert set(drawn.tolist()) == set(np.flatnonzero(labelled.any(axis=1)).tolist())


def test_an_epoch_depends_on_nothing_but_seed_and_number() -> None:
    labelled = one_task_each(30, 10)
    order = order_of(labelled, temperature=2.0, seed=5)
    later_first = [order.epoch(number) for number in (7, 0, 3)]
    fresh = [order_of(labelled, temperature=2.0, seed=5).epoch(number) for number in (7, 0, 3)]
    assert all(np.array_equal(left, right) for left, right in zip(later_first, fresh, strict=True))


def test_epochs_and_seeds_differ() -> None:
    order = order_of(one_task_each(50))
    assert order.epoch(0).tolist() != order.epoch(1).tolist()
    assert order.epoch(0).tolist() != order_of(one_task_each(50), seed=1).epoch(0).tolist()


def test_the_order_is_the_same_on_every_machine() -> None:
    assert order_of(one_task_each(6, 2)).epoch(0).tolist() == [3, 2, 5, 6, 4, 7, 0, 1]


def test_a_stream_goes_on_from_epoch_to_epoch() -> None:
    labelled = one_task_each(90, 10)
    order = order_of(labelled, temperature=2.0)
    large = [row for epoch in range(6) for row in order.epoch(epoch).tolist() if row < 90]
    assert len(large) == 6 * 75
    counts = [Counter(large[: 75 * epochs]) for epochs in range(1, 7)]
    # However many epochs have passed, no row is ahead of another by more than one visit.
    assert all(max(count.values()) - min(count[row] for row in range(90)) <= 1 for count in counts)


def test_shares_are_those_of_t5() -> None:
    table = order_of(one_task_each(1600, 400), temperature=2.0).table()
    assert [(line.task, line.rows) for line in table] == [("task0", 1600), ("task1", 400)]
    # Square roots of 1600 and 400 are as 2 to 1: of 2000 draws 1333 and 667.
    assert [line.share for line in table] == pytest.approx([1333 / 2000, 667 / 2000])
    assert [line.passes_per_epoch for line in table] == pytest.approx([1333 / 1600, 667 / 400])


def test_the_table_tells_what_is_drawn() -> None:
    labelled = np.array([[1, 0]] * 50 + [[1, 1]] * 10 + [[0, 1]] * 5 + [[0, 0]] * 9, dtype=bool)
    order = order_of(labelled, temperature=3.0)
    drawn = labelled[order.epoch(0)].sum(axis=0)
    assert [line.share for line in order.table()] == pytest.approx((drawn / drawn.sum()).tolist())
    assert [line.passes_per_epoch for line in order.table()] == pytest.approx((drawn / [60, 15]).tolist())


def test_a_row_with_two_labels_is_drawn_at_the_mean_rate_of_its_tasks() -> None:
    labelled = np.array([[1, 0]] * 360 + [[1, 1]] * 40 + [[0, 1]] * 60, dtype=bool)
    drawn = Counter(map(tuple, labelled[order_of(labelled, temperature=2.0).epoch(0)].tolist()))
    # Rates: 1/sqrt(400) = 5/100 alone, 1/sqrt(100) = 10/100 alone, 7.5/100 with both; 18 + 3 + 6 parts of 460.
    expected = {(True, False): 460 * 18 / 27, (True, True): 460 * 3 / 27, (False, True): 460 * 6 / 27}
    assert all(abs(drawn[group] - wanted) < 1 for group, wanted in expected.items())


def test_a_task_without_a_share_is_not_drawn() -> None:
    order = Constant(one_task_each(5, 5), ["topic", "mood"], {"topic": 1.0, "mood": 0.0}, seed=0)
    assert set(order.epoch(0).tolist()) == set(range(5))
    assert len(order.epoch(0)) == 10


def test_many_tiny_groups_are_each_drawn() -> None:
    labelled = np.vstack([one_task_each(*[1] * 12), np.tile(np.arange(12) == 0, (30, 1))])
    drawn = labelled[order_of(labelled, temperature=50.0).epoch(0)]
    assert drawn.any(axis=0).all()
    assert len(drawn) == 42


def test_rows_are_grouped_by_any_number_of_tasks() -> None:
    labelled = one_task_each(*[3] * 20)
    share = dict.fromkeys((f"task{column}" for column in range(20)), 0.0) | {"task3": 0.5, "task17": 0.5}
    drawn = Constant(labelled, list(share), share, seed=0).epoch(0)
    assert Counter(labelled[drawn].argmax(axis=1).tolist()) == {3: 30, 17: 30}


def test_batches_hold_each_draw_once_and_keep_the_budget() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 3000)
    order = order_of(one_task_each(2000, 1000), temperature=2.0)
    batches = order.batches(1, lengths, budget=256)
    assert sorted(np.concatenate(batches).tolist()) == sorted(order.epoch(1).tolist())
    assert all(len(batch) * lengths[batch].max() <= 256 for batch in batches)


def test_batches_waste_little_on_padding_and_stay_mixed() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 3000)
    batches = order_of(one_task_each(3000)).batches(0, lengths, budget=512)
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / padded > 0.9
    means = np.array([lengths[batch].mean() for batch in batches])
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


def test_batches_depend_on_nothing_but_seed_and_number() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 500)
    first = order_of(one_task_each(500)).batches(4, lengths, budget=128)
    again = order_of(one_task_each(500)).batches(4, lengths, budget=128)
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in order_of(one_task_each(500)).batches(5, lengths, budget=128)] != [
        batch.tolist() for batch in first
    ]


def test_rows_of_equal_length_meet_other_rows_in_every_epoch() -> None:
    lengths = np.full(40, 8)
    order = order_of(one_task_each(40))
    first, second = (sorted(map(sorted, order.batches(epoch, lengths, budget=32))) for epoch in (0, 1))
    assert first != second


def test_a_row_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    batches = order_of(one_task_each(3)).batches(0, np.array([4, 500, 4]), budget=16)
    assert sorted(map(sorted, batches)) == [[0, 2], [1]]


EVEN, PROPORTIONAL = {"task0": 0.5, "task1": 0.5}, {"task0": 0.9, "task1": 0.1}


def test_when_shares_change_no_row_comes_again_before_the_others_came() -> None:
    order = EpochOrder(one_task_each(90, 10), ["task0", "task1"], seed=3)
    epoch, drawn = order.first(PROPORTIONAL), []
    for number in range(7):
        drawn += order.rows(epoch).tolist()
        epoch = order.after(epoch, EVEN if number % 2 else PROPORTIONAL)
    for rows in (range(90), range(90, 100)):
        counts = [Counter(drawn)[row] for row in rows]
        assert max(counts) - min(counts) <= 1


def test_an_epoch_that_went_through_json_gives_the_same_rows() -> None:
    order = EpochOrder(one_task_each(30, 10), ["task0", "task1"], seed=3)
    epoch = order.after(order.first({"task0": 1 / 3, "task1": 2 / 3}), EVEN)
    again = Epoch.from_json(json.loads(json.dumps(epoch.to_json())))
    assert again == epoch
    assert order.rows(again).tolist() == order.rows(epoch).tolist()


def test_unmixed_batches_hold_one_task_and_a_row_with_two_labels_comes_for_each() -> None:
    labelled = np.array([[1, 0]] * 20 + [[1, 1]] * 10, dtype=bool)
    draws = order_of(labelled, mix=False).order
    batches = draws.batches(draws.first({"task0": 0.75, "task1": 0.25}), np.full(30, 4), budget=16)
    assert {draw.tasks for draw in batches} == {("task0",), ("task1",)}
    by_task = {task: sorted(row for draw in batches if draw.tasks == (task,) for row in draw.rows) for task in EVEN}
    assert by_task == {"task0": list(range(30)), "task1": list(range(20, 30))}


def test_unmixed_shares_are_over_rows_however_long_their_texts_are() -> None:
    order = EpochOrder(one_task_each(200, 200), ["task0", "task1"], seed=0, mix=False)
    lengths = np.repeat([40, 4], 200)
    batches = order.batches(order.first(EVEN), lengths, budget=80)
    rows = {task: sum(len(draw.rows) for draw in batches if draw.tasks == (task,)) for task in EVEN}
    assert rows == {"task0": 200, "task1": 200}
    assert sum(draw.tasks == ("task0",) for draw in batches) > 5 * sum(draw.tasks == ("task1",) for draw in batches)


def test_tasks_take_turns() -> None:
    order = EpochOrder(one_task_each(64, 64), ["task0", "task1"], seed=0, mix=False, turns=True)
    batches = order.batches(order.first(EVEN), np.full(128, 4), budget=16)
    assert [draw.tasks[0] for draw in batches] == ["task0", "task1"] * 16


def test_batches_of_one_task_come_in_random_order_without_turns() -> None:
    order = EpochOrder(one_task_each(64, 64), ["task0", "task1"], seed=0, mix=False)
    names = [draw.tasks[0] for draw in order.batches(order.first(EVEN), np.full(128, 4), budget=16)]
    assert names != ["task0", "task1"] * 16
    assert Counter(names) == {"task0": 16, "task1": 16}
