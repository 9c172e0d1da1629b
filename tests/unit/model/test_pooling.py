import pytest
import torch
from torch import Tensor

from polyhead.model.pooling import AttentionPooling, build_pooling

KINDS = ("mean", "cls", "last", "max", "attention")


@pytest.fixture
def states() -> Tensor:
    return torch.randn((3, 4, 5), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask() -> Tensor:
    return torch.tensor([[True, True, True, True], [True, True, False, False], [True, False, False, False]])


def test_mean_averages_the_tokens(states: Tensor, mask: Tensor) -> None:
    pooled = build_pooling("mean", 5)(states, mask)
    assert torch.allclose(pooled[0], states[0].mean(dim=0))
    assert torch.allclose(pooled[1], states[1, :2].mean(dim=0))


def test_cls_takes_the_first_token(states: Tensor, mask: Tensor) -> None:
    assert torch.equal(build_pooling("cls", 5)(states, mask), states[:, 0])


def test_last_takes_the_last_token_before_the_padding(states: Tensor, mask: Tensor) -> None:
    pooled = build_pooling("last", 5)(states, mask)
    assert torch.equal(pooled, torch.stack([states[0, 3], states[1, 1], states[2, 0]]))


def test_max_takes_the_highest_value_of_each_feature(states: Tensor, mask: Tensor) -> None:
    pooled = build_pooling("max", 5)(states - 10, mask)
    assert torch.equal(pooled[1], (states - 10)[1, :2].max(dim=0).values)


def test_attention_begins_as_the_mean(states: Tensor, mask: Tensor) -> None:
    mean = build_pooling("mean", 5)(states, mask)
    assert torch.allclose(build_pooling("attention", 5)(states, mask), mean, atol=1e-6)


def test_attention_weighs_tokens_by_their_likeness_to_the_query(states: Tensor, mask: Tensor) -> None:
    pooling = AttentionPooling(5)
    torch.nn.init.normal_(pooling.query, generator=torch.Generator().manual_seed(1))
    pooled = pooling(states, mask)
    weights = (states[1, :2] @ pooling.query).softmax(dim=0)
    assert torch.allclose(pooled[1], weights @ states[1, :2], atol=1e-6)
    pooled.sum().backward()
    assert pooling.query.grad is not None
    assert pooling.query.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_token_is_its_own_pool(states: Tensor, mask: Tensor, kind: str) -> None:
    assert torch.allclose(build_pooling(kind, 5)(states, mask)[2], states[2, 0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_at_padding_never_takes_part(states: Tensor, mask: Tensor, kind: str) -> None:
    pooling = build_pooling(kind, 5)
    clean = pooling(states, mask)
    for rubbish in (1e9, -1e9, torch.nan, torch.inf):
        dirty = states.masked_fill(~mask.unsqueeze(-1), rubbish)
        assert torch.allclose(pooling(dirty, mask), clean, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_stays_half_precision(states: Tensor, mask: Tensor, kind: str) -> None:
    pooled = build_pooling(kind, 5)(states.bfloat16(), mask)
    assert pooled.dtype == torch.bfloat16
    assert pooled.shape == (3, 5)
