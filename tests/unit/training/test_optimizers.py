import pytest
import torch

from polyhead.training.optimizers import learning_rate_factor, set_learning_rate


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)])
def test_the_rate_rises_through_the_warm_up_and_falls_to_zero(progress: float, factor: float) -> None:
    assert learning_rate_factor(progress, warmup=0.1) == pytest.approx(factor)


def test_without_warm_up_training_begins_at_the_peak() -> None:
    assert learning_rate_factor(0.0, warmup=0.0) == 1.0


def test_each_group_keeps_its_own_peak() -> None:
    one, two = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([{"params": [one], "peak": 1e-3}, {"params": [two], "peak": 1e-2}])
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [5e-4, 5e-3]
