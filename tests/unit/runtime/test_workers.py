import threading
import time
from collections.abc import Iterator

import pytest

from polyhead.runtime.workers import AHEAD, Workers, usable_cores


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_results_come_in_the_order_of_the_items_however_long_each_takes(threads: int) -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    with Workers(threads) as workers:
        assert list(workers.each(work, range(20))) == [item * item for item in range(20)]


def test_one_thread_is_the_caller_s_own() -> None:
    with Workers(1) as workers:
        assert list(workers.each(lambda _: threading.current_thread(), [0])) == [threading.current_thread()]


def test_two_items_are_worked_on_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    with Workers(2) as workers:
        assert sorted(workers.each(lambda _: meeting.wait(), range(2))) == [0, 1]


@pytest.mark.parametrize(("ahead", "limit"), [(None, 2 * AHEAD + 1), (1, 2)])
def test_no_more_items_are_taken_than_are_soon_needed(ahead: int | None, limit: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(1000):
            taken += 1
            yield item

    with Workers(2) as workers:
        results = workers.each(lambda item: item, items(), ahead=ahead)
        for done in range(1, 50):
            next(results)
            assert taken <= done + limit


def test_a_failure_reaches_the_caller_in_its_place() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError(item)
        return item

    seen: list[int] = []
    with Workers(2) as workers, pytest.raises(ValueError, match="3"):
        seen.extend(workers.each(work, range(10)))
    assert seen in ([], [0, 1, 2])


def test_whoever_stops_reading_does_not_wait_for_the_rest() -> None:
    done: list[int] = []

    def work(item: int) -> int:
        time.sleep(0.01)
        done.append(item)
        return item

    with Workers(2) as workers:
        next(workers.each(work, range(1000)))
    assert len(done) < 20


def test_at_least_one_core_is_usable() -> None:
    assert usable_cores() >= 1
