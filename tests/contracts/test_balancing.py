import dataclasses
import json
import math
import sys
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from polyhead.balancing._gradients import GradientBalancing
from polyhead.balancing.base import Balancing, GradientBalancer, LossBalancer, Step
from polyhead.errors import MissingExtraError
from polyhead.registry import find, kinds

WEIGHTS = {"a": 1.0, "b": 1.0, "c": 1.0}
GRADIENT_KINDS = [kind for kind in kinds("balancing") if issubclass(find("balancing", kind), GradientBalancing)]
LOSS_KINDS = [kind for kind in kinds("balancing") if kind not in GRADIENT_KINDS]
# Along (2, 1) and (-1, 1) the tasks pull apart; the shorter one loses against the sum.
CONFLICT = torch.tensor([[4.0, 1.0], [-1.0, 0.5]])


def loss_balancer(kind: str, weights: Mapping[str, float] = WEIGHTS) -> LossBalancer:
    balancer = find("balancing", kind)().begin(weights, seed=3)
    assert isinstance(balancer, LossBalancer)
    return balancer


def gradient_balancer(kind: str, weights: Mapping[str, float] = WEIGHTS) -> GradientBalancer:
    pytest.importorskip("torchjd", reason="an extra")
    try:
        balancer = find("balancing", kind)().begin(weights)
    except MissingExtraError:
        pytest.skip(f"the solver of {kind} is not installed")
    assert isinstance(balancer, GradientBalancer)
    return balancer


def joined(balancer: GradientBalancer, tasks: tuple[str, ...], rows: torch.Tensor, *, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    weights = balancer.weigh(tasks, rows @ rows.T)
    return balancer.join(tasks, rows) if weights is None else weights @ rows


def step(losses: Mapping[str, float]) -> Step:
    return Step(
        losses=losses,
        norms={task: 1 + loss for task, loss in losses.items()},
        later={task: loss * 0.9 for task, loss in losses.items()},
    )


def taught(balancer: LossBalancer, *, steps: int = 5) -> LossBalancer:
    for number in range(steps):
        losses = {"a": 1.0 / (number + 1), "b": 2.0 + number, "c": 0.5}
        balancer.coefficients(losses, number=number)
        balancer.learn(step(losses))
        balancer.end_epoch(losses)
    return balancer


@pytest.mark.parametrize("kind", kinds("balancing"))
def test_the_record_is_frozen_and_its_word_is_its_file(kind: str) -> None:
    record: Balancing = find("balancing", kind)()
    assert record.kind == kind
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.kind = "other"


@pytest.mark.parametrize("kind", LOSS_KINDS)
@pytest.mark.parametrize(
    "losses", [{"a": 1.0, "b": 2.0, "c": 3.0}, {"b": 0.4}, {"a": 1e-12, "c": 90.0}, {"a": 0.0, "b": 1.0}]
)
def test_weights_are_finite_and_never_negative(kind: str, losses: dict[str, float]) -> None:
    for balancer in (loss_balancer(kind), taught(loss_balancer(kind))):
        found = balancer.coefficients(losses, number=2)
        assert list(found) == list(losses)
        assert all(math.isfinite(weight) and weight >= 0 for weight in found.values())


@pytest.mark.parametrize("kind", [kind for kind in LOSS_KINDS if kind != "random"])
def test_equal_tasks_get_equal_weights(kind: str) -> None:
    balancer, losses = loss_balancer(kind), {"a": 1.3, "b": 1.3, "c": 1.3}
    for number in range(4):
        balancer.coefficients(losses, number=number)
        balancer.learn(Step(losses=losses, norms=dict.fromkeys(losses, 0.7), later=dict.fromkeys(losses, 1.2)))
        balancer.end_epoch(losses)
    assert len({round(weight, 12) for weight in balancer.coefficients(losses, number=9).values()}) == 1


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_the_order_of_the_tasks_does_not_matter_to_losses(kind: str) -> None:
    losses = {"a": 1.0, "b": 2.0, "c": 4.0}
    turned = loss_balancer(kind, dict(reversed(WEIGHTS.items())))
    found = taught(loss_balancer(kind)).coefficients(losses, number=1)
    again = taught(turned).coefficients(dict(reversed(losses.items())), number=1)
    assert again == pytest.approx(found)


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_what_was_learned_survives_json_exactly(kind: str) -> None:
    balancer, fresh = taught(loss_balancer(kind)), loss_balancer(kind)
    fresh.restore(json.loads(json.dumps(balancer.state())))
    for number in range(5, 8):
        losses = {"a": 1.0 / number, "b": 2.0}
        assert fresh.coefficients(losses, number=number) == balancer.coefficients(losses, number=number)
        for one in (fresh, balancer):
            one.learn(step(losses))
            one.end_epoch(losses)


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_a_task_that_a_step_lacks_learns_nothing_from_it(kind: str) -> None:
    balancer = taught(loss_balancer(kind))
    before = json.dumps(balancer.state())
    balancer.learn(step({"a": 1.0, "b": 2.0}))
    state = json.loads(before)
    for part in ("values", "moments"):
        if part in state:
            assert balancer.state()[part]["c"] == state[part]["c"]


@pytest.mark.parametrize("kind", GRADIENT_KINDS)
def test_the_method_exists_in_the_library_with_its_settings(kind: str) -> None:
    assert gradient_balancer(kind)


@pytest.mark.parametrize("kind", [kind for kind in GRADIENT_KINDS if kind != "graddrop"])
def test_equal_gradients_are_joined_along_themselves(kind: str) -> None:
    rows = torch.tensor([[0.6, 0.8], [0.6, 0.8]])
    found = joined(gradient_balancer(kind, {"a": 1.0, "b": 1.0}), ("a", "b"), rows)
    assert torch.nn.functional.cosine_similarity(found, rows[0], dim=0).item() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("kind", GRADIENT_KINDS)
def test_the_order_of_the_tasks_does_not_matter_to_gradients(kind: str) -> None:
    rows = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 6))).float()
    two = {"a": 1.0, "b": 1.0}
    found = joined(gradient_balancer(kind, two), ("a", "b"), rows)
    turned = joined(gradient_balancer(kind, two), ("b", "a"), rows.flip(0))
    # ECOS, behind Nash-MTL, is exact to a few digits.
    assert torch.allclose(found, turned, atol=1e-3 if kind == "nash_mtl" else 1e-4)


@pytest.mark.parametrize("kind", GRADIENT_KINDS)
@pytest.mark.parametrize(
    "rows",
    [
        torch.zeros(2, 4),
        torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0]]),
        torch.tensor([[1.0, 2, 3, 0], [-1, -2, -3, 0]]),
    ],
)
def test_gradients_that_are_zero_or_opposite_are_joined_to_finite_numbers(kind: str, rows: torch.Tensor) -> None:
    assert torch.isfinite(joined(gradient_balancer(kind, {"a": 1.0, "b": 1.0}), ("a", "b"), rows)).all()


@pytest.mark.parametrize("kind", GRADIENT_KINDS)
def test_one_task_alone_moves_along_its_gradient(kind: str) -> None:
    rows = torch.tensor([[0.3, -0.4, 0.1]])
    found = joined(gradient_balancer(kind), ("b",), rows)
    assert torch.nn.functional.cosine_similarity(found, rows[0], dim=0).item() == pytest.approx(1.0, abs=1e-3)


def test_the_plain_sum_raises_the_loss_that_is_outweighed() -> None:
    assert (CONFLICT @ CONFLICT.sum(dim=0)).min() < 0


@pytest.mark.parametrize(
    "kind", ["pcgrad", "upgrad", "mgda", "dualproj", "imtl_g", "aligned_mtl", "config", "nash_mtl"]
)
def test_two_tasks_in_conflict_are_both_served(kind: str) -> None:
    found = joined(gradient_balancer(kind, {"a": 1.0, "b": 1.0}), ("a", "b"), CONFLICT)
    # TorchJD's solver of cones is regularised, and exact to a few digits.
    assert (CONFLICT @ found).min() > -5e-3
    assert found.norm() > 0


def test_pcgrad_adds_up_each_gradient_without_what_the_other_opposes() -> None:
    first, second = CONFLICT
    product = first @ second
    expected = first - product / (second @ second) * second + second - product / (first @ first) * first
    assert torch.allclose(joined(gradient_balancer("pcgrad"), ("a", "b"), CONFLICT), expected, atol=1e-5)


def test_mgda_takes_the_shortest_of_the_weighted_means() -> None:
    first, second = CONFLICT
    share = ((second - first) @ second / (first - second).square().sum()).clamp(0, 1)
    expected = share * first + (1 - share) * second
    assert torch.allclose(joined(gradient_balancer("mgda"), ("a", "b"), CONFLICT), expected, atol=1e-2)


def test_upgrad_averages_the_projections_onto_the_cone() -> None:
    first, second = CONFLICT
    product = first @ second
    projected = [first - product / (second @ second) * second, second - product / (first @ first) * first]
    expected = (projected[0] + projected[1]) / 2
    assert torch.allclose(joined(gradient_balancer("upgrad"), ("a", "b"), CONFLICT), expected, atol=5e-3)


@pytest.mark.parametrize("kind", GRADIENT_KINDS)
def test_what_a_method_carries_on_survives_json_exactly(kind: str) -> None:
    balancer, fresh = gradient_balancer(kind), gradient_balancer(kind)
    random = torch.Generator().manual_seed(0)
    tasks = ("a", "b", "c")
    for _ in range(3):
        joined(balancer, tasks, torch.randn(3, 5, generator=random))
    fresh.restore(json.loads(json.dumps(balancer.state())))
    for number in range(3):
        rows = torch.randn(3, 5, generator=random)
        assert torch.equal(joined(fresh, tasks, rows, seed=number), joined(balancer, tasks, rows, seed=number))


@pytest.mark.parametrize("kind", GRADIENT_KINDS)
def test_a_missing_library_is_told_with_the_extra_that_brings_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchjd", None)
    with pytest.raises(MissingExtraError, match=r"polyhead\[grad\]"):
        find("balancing", kind)().begin(WEIGHTS)


@pytest.mark.parametrize("kind", GRADIENT_KINDS)
def test_what_is_said_of_gradients_without_a_common_number_is_so(kind: str) -> None:
    rows = torch.zeros(3, 6)
    rows[0, :2], rows[1, 2:4], rows[2, 4:] = torch.tensor([1.0, -0.5]), torch.tensor([2.0, 0.3]), torch.tensor([3.0, 1])
    found = joined(gradient_balancer(kind), ("a", "b", "c"), rows)
    same = {name: torch.allclose(found, of, rtol=1e-3) for name, of in (("sum", rows.sum(0)), ("mean", rows.mean(0)))}
    said = getattr(find("balancing", kind), "of_parted", None)
    assert next((name for name, holds in same.items() if holds), None) == said
