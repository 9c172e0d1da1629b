import torch

from polyhead.balancing.fixed import Fixed


def test_the_sum_is_weighted() -> None:
    losses = {"topic": torch.tensor(2.0), "names": torch.tensor(3.0)}
    assert Fixed().weigh(losses, {"topic": 1.0, "names": 0.5}).item() == 3.5


def test_the_gradient_of_a_loss_is_its_weight() -> None:
    losses = {name: torch.tensor(2.0, requires_grad=True) for name in ("topic", "names")}
    Fixed().weigh(losses, {"topic": 1.0, "names": 0.25}).backward()
    assert [loss.grad.item() for loss in losses.values()] == [1.0, 0.25]


def test_a_task_of_weight_zero_cannot_spoil_the_sum() -> None:
    losses = {"topic": torch.tensor(2.0), "names": torch.tensor(float("inf"))}
    assert Fixed().weigh(losses, {"topic": 1.0, "names": 0.0}).item() == 2.0
