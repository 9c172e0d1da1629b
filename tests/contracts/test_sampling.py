import dataclasses

import pytest

from polyhead.registry import find, kinds
from polyhead.sampling.base import Sampling

SIZES = [{"a": 1}, {"a": 1000, "b": 10}, {"a": 3, "b": 3, "c": 3}, {"a": 10**7, "b": 1, "c": 0}]


@pytest.fixture(params=kinds("sampling"))
def sampling(request: pytest.FixtureRequest) -> Sampling:
    return find("sampling", request.param)()


@pytest.mark.parametrize("rows", SIZES)
def test_shares_are_parts_of_one(sampling: Sampling, rows: dict[str, int]) -> None:
    shares = sampling.shares(rows)
    assert list(shares) == list(rows)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(share >= 0 for share in shares.values())


@pytest.mark.parametrize("rows", SIZES)
def test_a_task_is_drawn_exactly_when_it_has_rows(sampling: Sampling, rows: dict[str, int]) -> None:
    assert {task for task, share in sampling.shares(rows).items() if share} == {task for task in rows if rows[task]}


def test_shares_depend_on_nothing_but_the_sizes(sampling: Sampling) -> None:
    rows = {"a": 1000, "b": 10}
    first = sampling.shares(rows)
    assert sampling.shares(rows) == first
    assert rows == {"a": 1000, "b": 10}


def test_the_order_of_the_tasks_does_not_matter(sampling: Sampling) -> None:
    assert sampling.shares({"a": 1000, "b": 10}) == pytest.approx(sampling.shares({"b": 10, "a": 1000}))


def test_a_larger_task_never_gets_less(sampling: Sampling) -> None:
    shares = sampling.shares({"small": 10, "large": 1000})
    assert shares["large"] >= shares["small"]


def test_the_record_is_frozen(sampling: Sampling) -> None:
    assert dataclasses.is_dataclass(sampling)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sampling.kind = "other"
