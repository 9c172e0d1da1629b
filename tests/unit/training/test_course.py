import numpy as np

from polyhead.data.order import EpochOrder
from polyhead.training.course import next_epoch
from polyhead.training.standing import Standing

SHARES = {"topic": 1.0}


def order() -> EpochOrder:
    return EpochOrder(np.ones((6, 1), dtype=bool), ["topic"], seed=0)


def test_one_epoch_follows_another() -> None:
    first = next_epoch(order(), Standing(), SHARES)
    second = next_epoch(order(), Standing(epoch=1, order=first.to_json()), SHARES)
    assert (first.number, second.number) == (0, 1)
    assert second.drawn == (6,)


def test_an_epoch_whose_first_step_failed_begins_again_where_it_began() -> None:
    first = next_epoch(order(), Standing(), SHARES)
    second = next_epoch(order(), Standing(epoch=1, order=first.to_json()), SHARES)
    assert next_epoch(order(), Standing(epoch=1, order=second.to_json()), SHARES) == second
