import pytest
import torch
from torch import nn

from polyhead.model.dropout import Dropout, drop


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_the_share_is_dropped_and_the_rest_makes_up_for_it(share: float) -> None:
    torch.manual_seed(0)
    found = drop(torch.ones(500, 401), nn.Dropout(share))
    assert float((found == 0).float().mean()) == pytest.approx(share, abs=0.005)
    assert float(found.mean()) == pytest.approx(1.0, abs=0.02)
    assert found.unique().tolist() == pytest.approx([0.0, 1.0 / (1.0 - share)], rel=1e-3)


def test_values_are_dropped_one_by_one_and_not_in_groups() -> None:
    torch.manual_seed(0)
    kept = (drop(torch.ones(4000, 8), nn.Dropout(0.5)) != 0).float()
    assert torch.allclose(torch.corrcoef(kept.T), torch.eye(8), atol=0.08)


def test_nothing_is_dropped_outside_training_or_without_a_share() -> None:
    states = torch.randn(3, 4)
    assert drop(states, nn.Dropout(0.5).eval()) is states
    assert drop(states, nn.Dropout(0.0)) is states


def test_a_share_of_one_drops_everything() -> None:
    assert not drop(torch.randn(3, 4), nn.Dropout(1.0)).any()


def test_gradients_flow_where_values_stayed() -> None:
    torch.manual_seed(0)
    states = torch.ones(50, 7, requires_grad=True)
    dropped = drop(states, nn.Dropout(0.4))
    dropped.sum().backward()
    assert states.grad is not None
    assert torch.equal(states.grad, dropped.detach())


def test_the_seed_fixes_what_is_dropped() -> None:
    states = torch.ones(5, 5)
    torch.manual_seed(3)
    first = drop(states, nn.Dropout(0.5))
    torch.manual_seed(3)
    assert torch.equal(drop(states, nn.Dropout(0.5)), first)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (2, 3, 5)])
def test_any_shape_is_kept(shape: tuple[int, ...]) -> None:
    assert drop(torch.ones(shape), nn.Dropout(0.5)).shape == shape


def test_values_in_half_precision_stay_so() -> None:
    assert drop(torch.ones(9, dtype=torch.bfloat16), nn.Dropout(0.5)).dtype == torch.bfloat16


def test_the_module_stands_for_that_of_torch() -> None:
    states = torch.ones(100, 100)
    module = Dropout(0.5)
    assert isinstance(module, nn.Dropout)
    assert 0.4 < float((module(states) == 0).float().mean()) < 0.6
    assert module.eval()(states) is states
