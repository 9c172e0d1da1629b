import dataclasses

import pytest

from polyhead.registry import find, kinds
from polyhead.sampling.base import Course, Sampling

SIZES = [{"a": 1}, {"a": 1000, "b": 10}, {"a": 3, "b": 3, "c": 3}, {"a": 10**7, "b": 1, "c": 0}]


COURSES = [
    Course(),
    Course(progress=1.0, scores=({"a": 0.9, "b": 0.2}, {"a": 0.1, "b": 0.2})),
    Course(progress=0.5, scores=({"a": 0.0, "b": 0.0}, {"b": 1.0})),
]


@pytest.fixture(params=kinds("sampling"))
def sampling(request: pytest.FixtureRequest) -> Sampling:
    return find("sampling", request.param)()


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("course", COURSES)
def test_shares_are_parts_of_one(sampling: Sampling, rows: dict[str, int], course: Course) -> None:
    shares = sampling.shares(rows, course)
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


@pytest.mark.parametrize("course", COURSES)
def test_no_task_ever_starves(sampling: Sampling, course: Course) -> None:
    rows = {"a": 100, "b": 100}
    assert min(sampling.shares(rows, course).values()) > 0.1


def test_equal_tasks_get_equal_shares(sampling: Sampling) -> None:
    course = Course(progress=0.3, scores=({"a": 0.5, "b": 0.5}, {"a": 0.4, "b": 0.4}))
    assert sampling.shares({"a": 70, "b": 70}, course) == pytest.approx({"a": 0.5, "b": 0.5})


def test_a_recipe_without_rows_has_no_shares(sampling: Sampling) -> None:
    with pytest.raises(ValueError, match="must count a labelled row"):
        sampling.shares({"a": 0})


@pytest.mark.parametrize("course", COURSES)
def test_the_order_of_the_tasks_does_not_matter(sampling: Sampling, course: Course) -> None:
    turned = sampling.shares({"b": 10, "a": 1000}, course)
    assert sampling.shares({"a": 1000, "b": 10}, course) == pytest.approx(turned)


def test_a_larger_task_never_gets_less(sampling: Sampling) -> None:
    shares = sampling.shares({"small": 10, "large": 1000})
    assert shares["large"] >= shares["small"]


def test_the_record_is_frozen(sampling: Sampling) -> None:
    assert dataclasses.is_dataclass(sampling)
    with pytest.raises(dataclasses.FrozenInstanceError):
        sampling.kind = "other"
