"""Weights recomputed by hand from the papers' formulas, and by TorchJD's scalarizers, which are code of others."""

import math
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from polyhead.balancing._adam import Adam
from polyhead.balancing.base import LossBalancer, Step
from polyhead.registry import find

LOSSES = {"a": 0.7, "b": 2.5, "c": 1.1}
ONES = dict.fromkeys(LOSSES, 1.0)


def balancer(kind: str, weights: Mapping[str, float] = ONES, **settings: float) -> LossBalancer:
    found = find("balancing", kind)(**settings).begin(weights, seed=5)
    assert isinstance(found, LossBalancer)
    return found


def slopes(loss_of: torch.nn.Module, losses: Mapping[str, float] = LOSSES) -> dict[str, float]:
    """Differentiate a scalarizer of TorchJD along each loss."""
    values = torch.tensor(list(losses.values()), dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(loss_of(values), values)
    return dict(zip(losses, found.tolist(), strict=True))


def test_adam_is_that_of_torch() -> None:
    ours = Adam({"x": 1.0, "y": -2.0}, rate=0.1, decay=0.01)
    theirs = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([theirs], lr=0.1, weight_decay=0.01)
    for number in range(6):
        theirs.grad = torch.tensor([0.3 * number - 1, 2.0], dtype=torch.float64)
        optimizer.step()
        ours.step({"x": 0.3 * number - 1, "y": 2.0})
    assert list(ours.values.values()) == pytest.approx(theirs.tolist(), rel=1e-12)


def test_uncertainty_is_equation_10_of_kendall() -> None:
    # exp(-s) L + s / 2 with s = log sigma^2; by hand: slope along L is exp(-s), along s it is 1/2 - exp(-s) L.
    found = balancer("uncertainty", learning_rate=0.1)
    s = np.zeros(3)
    mean, square, values = np.zeros(3), np.zeros(3), np.array(list(LOSSES.values()))
    for number in range(1, 5):
        assert list(found.coefficients(LOSSES, number=0).values()) == pytest.approx(np.exp(-s).tolist())
        slope = 0.5 - np.exp(-s) * values
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        s -= 0.1 * (mean / (1 - 0.9**number)) / (np.sqrt(square / (1 - 0.999**number)) + 1e-8)
        found.learn(Step(losses=LOSSES))


def test_uncertainty_settles_where_torchjd_says() -> None:
    torchjd = pytest.importorskip("torchjd.scalarization", reason="an extra")
    found = balancer("uncertainty", learning_rate=0.05)
    for _ in range(3000):
        found.learn(Step(losses=LOSSES))
    scalarizer = torchjd.UW(3).double()
    with torch.no_grad():
        # Their regressions halve the first term, so their optimum is log L where ours is log 2 L: the weights agree.
        scalarizer.log_var.copy_(torch.tensor([math.log(loss) for loss in LOSSES.values()]))
    assert found.coefficients(LOSSES, number=0) == pytest.approx(slopes(scalarizer), rel=1e-3)


def test_dwa_is_equation_7_of_liu() -> None:
    found = balancer("dwa", temperature=2.0)
    assert found.coefficients(LOSSES, number=0) == ONES
    found.end_epoch({"a": 2.0, "b": 2.0, "c": 4.0})
    assert found.coefficients(LOSSES, number=0) == ONES
    found.end_epoch({"a": 1.0, "b": 1.8, "c": 4.4})
    powers = np.exp(np.array([0.5, 0.9, 1.1]) / 2)
    assert list(found.coefficients(LOSSES, number=0).values()) == pytest.approx((3 * powers / powers.sum()).tolist())


def test_dwa_is_that_of_torchjd() -> None:
    torchjd = pytest.importorskip("torchjd.scalarization", reason="an extra")
    found, theirs = balancer("dwa"), torchjd.DWA(temperature=2.0)
    for epoch in range(3):
        losses = {task: loss / (1 + epoch * 0.3 * (1 + number)) for number, (task, loss) in enumerate(LOSSES.items())}
        assert found.coefficients(losses, number=0) == pytest.approx(slopes(theirs, losses))
        found.end_epoch(losses)
        theirs.step()


def test_random_weights_are_the_softmax_of_normal_numbers() -> None:
    found = balancer("random")
    drawn = [found.coefficients(LOSSES, number=number) for number in range(2000)]
    assert all(sum(weights.values()) == pytest.approx(1) for weights in drawn)
    assert found.coefficients(LOSSES, number=7) == drawn[7]
    logs = np.log([[weights[task] for task in LOSSES] for weights in drawn])
    centred = logs - logs.mean(axis=1, keepdims=True)
    # Three standard normal numbers less their mean have a variance of 2/3.
    assert centred.var() == pytest.approx(2 / 3, rel=0.05)
    assert abs(centred.mean(axis=0)).max() < 0.06


def test_geometric_is_the_slope_of_the_geometric_mean() -> None:
    values = np.array(list(LOSSES.values()))
    expected = values.prod() ** (1 / 3) / (3 * values)
    assert list(balancer("geometric").coefficients(LOSSES, number=0).values()) == pytest.approx(expected.tolist())
    torchjd = pytest.importorskip("torchjd.scalarization", reason="an extra")
    assert balancer("geometric").coefficients(LOSSES, number=0) == pytest.approx(slopes(torchjd.GeometricMean()))


def test_geometric_takes_the_weights_as_exponents() -> None:
    found = balancer("geometric", {"a": 2.0, "b": 1.0, "c": 1.0}).coefficients(LOSSES, number=0)
    mean = (0.7**2 * 2.5 * 1.1) ** 0.25
    assert found == pytest.approx({"a": mean * 0.5 / 0.7, "b": mean * 0.25 / 2.5, "c": mean * 0.25 / 1.1})


@pytest.mark.parametrize("mu", [0.01, 0.1, 1.0])
def test_stch_is_the_slope_of_the_smooth_maximum(mu: float) -> None:
    values = np.array(list(LOSSES.values())) / 3
    powers = np.exp((values - values.max()) / mu)
    found = balancer("stch", mu=mu).coefficients(LOSSES, number=0)
    assert list(found.values()) == pytest.approx((powers / powers.sum() / 3).tolist())
    torchjd = pytest.importorskip("torchjd.scalarization", reason="an extra")
    assert found == pytest.approx(slopes(torchjd.STCH(mu=mu)))


def test_famo_is_algorithm_1_of_liu() -> None:
    torchjd = pytest.importorskip("torchjd.scalarization", reason="an extra")
    found, theirs = balancer("famo"), torchjd.FAMO(3).double()
    losses = dict(LOSSES)
    for number in range(6):
        assert found.coefficients(losses, number=number) == pytest.approx(slopes(theirs, losses), rel=1e-6)
        later = {task: loss * factor for (task, loss), factor in zip(losses.items(), (0.9, 0.99, 1.02), strict=True)}
        found.learn(Step(losses=losses, later=later))
        theirs.update(torch.tensor(list(later.values()), dtype=torch.float64))
        losses = later


def test_famo_starts_as_the_logarithms_alone() -> None:
    inverse = {task: 1 / loss for task, loss in LOSSES.items()}
    total = sum(inverse.values())
    expected = {task: value / total for task, value in inverse.items()}
    assert balancer("famo").coefficients(LOSSES, number=0) == pytest.approx(expected)


def test_gradnorm_is_equations_1_and_2_of_chen() -> None:
    found = balancer("gradnorm", alpha=1.5, learning_rate=0.025)
    weights = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=0.025)
    first = torch.tensor(list(LOSSES.values()), dtype=torch.float64)
    for number in range(5):
        losses = first * torch.tensor([0.8, 0.95, 0.6], dtype=torch.float64) ** number
        norms = torch.tensor([0.4, 3.0, 1.0], dtype=torch.float64) * (1 + 0.1 * number)
        assert list(found.coefficients(LOSSES, number=0).values()) == pytest.approx(weights.tolist())
        rate = losses / first / (losses / first).mean()
        weighted = weights * norms
        target = (weighted.mean() * rate**1.5).detach()
        optimizer.zero_grad()
        (weighted - target).abs().sum().backward()
        optimizer.step()
        with torch.no_grad():
            weights *= 3 / weights.sum()
        by_task = dict(zip(LOSSES, losses.tolist(), strict=True))
        found.learn(Step(losses=by_task, norms=dict(zip(LOSSES, norms.tolist(), strict=True))))
    assert weights[1] < weights[0]


def test_gradnorm_looks_at_gradients_and_not_at_losses_alone() -> None:
    small, large = balancer("gradnorm"), balancer("gradnorm")
    small.learn(Step(losses=LOSSES, norms={"a": 1.0, "b": 1.0, "c": 1.0}))
    large.learn(Step(losses=LOSSES, norms={"a": 1000.0, "b": 1.0, "c": 1.0}))
    assert large.coefficients(LOSSES, number=0)["a"] < small.coefficients(LOSSES, number=0)["a"]


def test_famo_bears_a_loss_that_is_rounded_to_below_nothing() -> None:
    found = balancer("famo")
    losses = {"a": -1e-6, "b": 2.5, "c": 1.1}
    assert min(found.coefficients(losses, number=0).values()) > 0
    found.learn(Step(losses=losses, later={"a": -2e-6, "b": 2.4, "c": 1.0}))
    assert all(math.isfinite(value) for value in found.coefficients(losses, number=1).values())
