import random

import pytest

from polyhead.serving.pace import PASSES_NEEDED, Pace


def test_the_first_pass_guesses_at_the_speed_of_all_workers() -> None:
    pace = Pace(2)
    assert pace.seconds_for(1000) == 0.0
    pace.depart(0.0, 100, 0.1)
    assert pace.seconds_for(1000) == pytest.approx(0.5)
    assert pace.seconds_for(0, characters=4000) == pytest.approx(0.5)


def test_the_wait_is_told_from_what_departs_and_not_from_what_passes_take() -> None:
    pace = Pace(2)
    pace.watch(0.0, busy=True)
    # Passes take 0.1 seconds each, but with all that is done between them only five end in a second.
    for step in range(1, 51):
        pace.depart(step / 5, 100, 0.1)
    assert pace.seconds_for(1000) == pytest.approx(2.0, rel=0.05)


def test_time_in_which_a_worker_was_idle_tells_nothing_about_the_speed() -> None:
    pace = Pace(2)
    pace.watch(0.0, busy=True)
    for step in range(1, 51):
        pace.depart(step / 5, 100, 0.1)
    pace.watch(10.0, busy=False)
    pace.depart(60.0, 100, 0.1)
    pace.watch(100.0, busy=True)
    pace.depart(100.2, 100, 0.1)
    assert pace.seconds_for(1000) == pytest.approx(2.0, rel=0.05)


def test_a_speed_that_has_changed_is_learned_within_seconds() -> None:
    pace = Pace(1)
    pace.watch(0.0, busy=True)
    for step in range(1, 100):
        pace.depart(step / 10, 100, 0.1)
    for step in range(1, 13):
        pace.depart(10 + step / 2, 100, 0.5)
    assert pace.seconds_for(200) == pytest.approx(1.0, rel=0.2)


def test_the_fixed_cost_of_a_pass_is_found_from_passes_of_many_sizes() -> None:
    pace, choose = Pace(1), random.Random(0)
    for _ in range(100):
        padded = choose.randint(8, 500)
        pace.learn_cost(padded, (7 + padded) * 0.0002 * choose.uniform(0.95, 1.05))
    assert 3 < pace.cost.tokens < 12
    assert pace.cost.seconds(93) == pytest.approx(0.02, rel=0.1)


def test_a_device_on_which_tokens_cost_little_gets_large_batches() -> None:
    pace = Pace(1)
    for number in range(50):
        pace.learn_cost(100 + number, 0.005 + 0.000005 * number)
    assert pace.cost.tokens > 500


def test_passes_of_one_size_leave_what_is_known_of_the_fixed_cost() -> None:
    pace = Pace(1)
    before = pace.cost.tokens
    for _ in range(2 * PASSES_NEEDED):
        pace.learn_cost(32, 0.01)
    assert pace.cost.tokens == before
    assert pace.cost.seconds(32) == pytest.approx(0.01)


def test_longer_passes_that_took_less_time_do_not_turn_the_cost_negative() -> None:
    pace = Pace(1)
    for number in range(50):
        pace.learn_cost(100 + number, 0.02 - 0.0001 * number)
    assert pace.cost.tokens >= 0
    assert pace.cost.seconds_a_token > 0
