"""The average is the formula's, and training goes on from the weights as if it were not there."""

import pytest
import torch
from torch import nn

from polyhead.training.averaging import WeightAverage


@pytest.fixture
def model() -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    return model


def steps(model: nn.Linear, average: WeightAverage, *values: float) -> None:
    for step, value in enumerate(values, start=1):
        nn.init.constant_(model.weight, value)
        average.update(step)


def test_each_step_moves_the_average_by_its_share(model: nn.Linear) -> None:
    average = WeightAverage(model, 0.2)
    steps(model, average, 2.0, 3.0)
    # The first steps keep 2/11 and 0.2 (below 3/12) of what was there.
    first = 1.0 * 2 / 11 + 2.0 * 9 / 11
    with average.applied():
        assert model.weight.item() == pytest.approx(first * 0.2 + 3.0 * 0.8)
    assert model.weight.item() == 3.0


def test_the_weights_come_back_after_an_error(model: nn.Linear) -> None:
    average = WeightAverage(model, 0.9)
    steps(model, average, 5.0)
    with pytest.raises(KeyboardInterrupt), average.applied():
        raise KeyboardInterrupt
    assert model.weight.item() == 5.0


def test_a_checkpoint_holds_it(model: nn.Linear) -> None:
    average = WeightAverage(model, 0.9)
    steps(model, average, 5.0, 6.0)
    saved = {name: tensor.clone() for name, tensor in average.tensors().items()}
    steps(model, average, 0.0)
    average.restore(saved)
    assert torch.equal(average.tensors()["average.weight"], saved["average.weight"])


def test_without_decay_nothing_is_kept(model: nn.Linear) -> None:
    average = WeightAverage(model, 0.0)
    steps(model, average, 5.0)
    assert average.tensors() == {}
    with average.applied():
        assert model.weight.item() == 5.0
