"""Threads that work on several batches at once, with the results in the order of the batches."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 3
"""Items of work that are given out for each thread: one that it does, and some that are ready when it is done."""


def usable_cores() -> int:
    """Count the cores that this process may use."""
    # Where the system knows no affinity, all cores may be used.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """A number of threads; with one, the work is done by the caller's own.

    Args:
        threads: how many items are worked on at the same time.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = _pool(threads) if threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            # Whoever stops reading early does not wait for work that nobody wants.
            self._pool.shutdown(cancel_futures=True)

    def each(
        self, work: Callable[[Item], Result], items: Iterable[Item], *, ahead: int | None = None
    ) -> Iterator[Result]:
        """Yield the result of each item, in their order.

        Args:
            work: what a thread does with an item.
            items: taken one by one, never many more than have been answered.
            ahead: items that are begun before their turn; a few a thread when absent.
        """
        if self._pool is None:
            yield from map(work, items)
            return
        begun: deque[Future[Result]] = deque()
        limit = AHEAD * self._threads if ahead is None else ahead
        for item in items:
            begun.append(self._pool.submit(work, item))
            if len(begun) > limit:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _pool(threads: int) -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  one text needs no threads

    return ThreadPoolExecutor(threads, thread_name_prefix="polyhead")
