import numpy as np
import pytest

from polyhead.balancing.base import At, Balancing
from polyhead.balancing.fixed import Fixed
from polyhead.balancing.mgda import MultipleGradientDescent
from polyhead.balancing.pcgrad import PCGrad
from polyhead.balancing.upgrad import UPGrad
from polyhead.data.order import EpochOrder
from polyhead.training.meeting import joins_nothing, meeting_place

APART = [[True, False], [False, True]]
TOGETHER = [[True, True], [False, True]]


def order(labelled: list[list[bool]], *, mix: bool = True) -> EpochOrder:
    return EpochOrder(np.array(labelled), ["topic", "people"], seed=0, mix=mix)


@pytest.mark.parametrize(
    ("labelled", "mix", "accumulate", "place"),
    [
        (TOGETHER, True, 1, "representation"),
        (APART, True, 1, "parameters"),
        (TOGETHER, False, 1, None),
        (TOGETHER, False, 2, "parameters"),
    ],
)
def test_gradients_meet_where_two_tasks_learn_at_once(
    labelled: list[list[bool]], *, mix: bool, accumulate: int, place: At | None
) -> None:
    assert meeting_place(order(labelled, mix=mix), accumulate=accumulate) == place


@pytest.mark.parametrize(
    ("balancing", "place"),
    [
        (Fixed(), None),
        (PCGrad(), "representation"),
        (PCGrad(at="parameters"), "representation"),
        (PCGrad(at="parameters"), "parameters"),
        (MultipleGradientDescent(), "parameters"),
    ],
)
def test_no_warning_where_gradients_can_be_joined(balancing: Balancing, place: At | None) -> None:
    assert joins_nothing(balancing, place) is None


@pytest.mark.parametrize(
    ("at", "place", "advice"),
    [
        ("representation", "parameters", 'Set `balancing.at = "parameters"`'),
        ("representation", None, "Mix tasks in a batch"),
        ("parameters", None, "Mix tasks in a batch"),
    ],
)
def test_a_warning_says_what_to_do(at: At, place: At | None, advice: str) -> None:
    warning = joins_nothing(PCGrad(at=at), place)
    assert warning is not None
    assert "'pcgrad' will do what the plain sum does" in warning
    assert advice in warning


def test_a_method_that_averages_is_no_sum() -> None:
    assert "'upgrad' will do what the plain mean does" in str(joins_nothing(UPGrad(), "parameters"))
    assert "what the plain sum does" in str(joins_nothing(UPGrad(), None))
