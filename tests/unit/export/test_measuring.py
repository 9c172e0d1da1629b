from collections.abc import Sequence

import pytest

from polyhead.export.measuring import Measured, smallest_loss

LAYERS = [f"layer {number}" for number in range(32)]


def losing(points: float, kept: Sequence[str] = ()) -> Measured:
    return Measured(rows=100, before={"a": 0.9, "b": 0.8}, after={"a": 0.9, "b": 0.8 - points / 100}, kept=tuple(kept))


def test_the_loss_is_that_of_the_task_that_loses_most_in_points() -> None:
    measured = Measured(rows=10, before={"a": 0.9, "b": 0.5}, after={"a": 0.898, "b": 0.51})
    assert measured.loss == pytest.approx(0.2)
    assert measured.allowed


@pytest.mark.parametrize(("points", "allowed"), [(0.0, True), (0.49, True), (0.51, False), (-3.0, True)])
def test_half_a_point_may_be_lost(points: float, allowed: bool) -> None:  # noqa: FBT001
    assert losing(points).allowed == allowed


def test_nothing_measured_is_nothing_lost() -> None:
    assert Measured(rows=0, before={}, after={}).loss == 0


def test_what_loses_nothing_keeps_no_layer_and_ranks_none() -> None:
    def never() -> Sequence[str]:
        raise AssertionError

    assert smallest_loss(lambda kept: losing(0, kept), never).kept == ()


def test_the_worst_layers_are_kept_first_and_no_more_than_needed() -> None:
    tried: list[int] = []

    def attempt(kept: Sequence[str]) -> Measured:
        tried.append(len(kept))
        return losing(2 - len(kept) * 0.4, kept)

    found = smallest_loss(attempt, lambda: LAYERS)
    assert found.kept == tuple(LAYERS[:4])
    assert tried == [0, 2, 4]


def test_where_nothing_helps_the_attempt_that_loses_least_is_given() -> None:
    found = smallest_loss(lambda kept: losing(3 if len(kept) != 8 else 1, kept), lambda: LAYERS)
    assert len(found.kept) == 8
    assert not found.allowed


def test_the_record_shows_both_numbers_and_the_layers() -> None:
    assert losing(0.25, ["x"]).to_json() == {
        "rows": 100,
        "primary": {"a": {"before": 0.9, "after": 0.9}, "b": {"before": 0.8, "after": 0.8 - 0.25 / 100}},
        "float_layers": ["x"],
    }
