import dataclasses

import pytest

from polyhead.registry import find, kinds
from polyhead.sharing.base import Sharing


@pytest.fixture(params=kinds("sharing"))
def sharing(request: pytest.FixtureRequest) -> Sharing:
    return find("sharing", request.param)()


def test_sharing_never_costs_more_than_separate_encoders(sharing: Sharing) -> None:
    for tasks in (1, 2, 10):
        assert 1 <= sharing.passes(tasks) <= tasks


def test_more_tasks_never_cost_less(sharing: Sharing) -> None:
    costs = [sharing.passes(tasks) for tasks in range(1, 10)]
    assert costs == sorted(costs)


def test_the_record_is_frozen(sharing: Sharing) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        sharing.kind = "other"
