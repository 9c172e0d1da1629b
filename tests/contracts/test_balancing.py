import dataclasses

import pytest
import torch

from polyhead.balancing.base import Balancing
from polyhead.registry import find, kinds

WEIGHTS = {"a": 1.0, "b": 0.5, "c": 2.0}


@pytest.fixture(params=kinds("balancing"))
def balancing(request: pytest.FixtureRequest) -> Balancing:
    return find("balancing", request.param)()


def losses(*values: float) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value, requires_grad=True) for name, value in zip("abc", values, strict=False)}


def test_the_result_is_a_scalar_that_every_loss_moves(balancing: Balancing) -> None:
    given = losses(1.0, 2.0, 3.0)
    total = balancing.weigh(given, WEIGHTS)
    assert total.shape == ()
    total.backward()
    assert all(torch.isfinite(loss.grad) and loss.grad != 0 for loss in given.values())


def test_one_task_alone_keeps_a_finite_loss(balancing: Balancing) -> None:
    assert torch.isfinite(balancing.weigh(losses(1.5), WEIGHTS))


def test_a_task_without_labels_in_the_batch_breaks_nothing(balancing: Balancing) -> None:
    assert torch.isfinite(balancing.weigh(losses(1.0, 0.0, 3.0), WEIGHTS))


def test_the_order_of_the_tasks_does_not_matter(balancing: Balancing) -> None:
    given = losses(1.0, 2.0, 4.0)
    turned = dict(reversed(given.items()))
    assert balancing.weigh(given, WEIGHTS).item() == pytest.approx(balancing.weigh(turned, WEIGHTS).item())


def test_a_task_of_weight_zero_is_not_trained(balancing: Balancing) -> None:
    given = losses(1.0, 2.0)
    balancing.weigh(given, {"a": 1.0, "b": 0.0}).backward()
    assert not given["b"].grad


def test_the_record_is_frozen(balancing: Balancing) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        balancing.kind = "other"
