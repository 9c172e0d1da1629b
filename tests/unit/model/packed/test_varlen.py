"""The kernel itself needs a GPU; here is what it would be given, and when."""

import inspect

import pytest
import torch
from torch import Tensor, nn

from polyhead.model.packed import varlen
from polyhead.model.packed.layout import Packing


@pytest.fixture
def packing() -> Packing:
    found = Packing.of(torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 1]]))
    assert found is not None
    return found


def test_a_processor_does_without() -> None:
    assert not varlen.fits(torch.zeros(2, 2, dtype=torch.bfloat16), nn.Dropout(0.0))


def test_this_torch_has_the_kernel_with_windows() -> None:
    from torch.nn.attention.varlen import varlen_attn

    names = list(inspect.signature(varlen_attn).parameters)
    assert names[:7] == ["query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"]
    assert {"scale", "window_size"} <= set(names)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    calls: list[tuple[object, ...]] = []

    def kernel(*tensors: object, scale: float, window_size: tuple[int, int]) -> Tensor:
        calls.append((*tensors[3:], scale, window_size))
        return torch.zeros(6, 2, 4)

    monkeypatch.setattr(varlen, "_kernel", lambda: kernel)
    return calls


def test_the_kernel_is_told_where_texts_begin(packing: Packing, given: list[tuple[object, ...]]) -> None:
    states = torch.zeros(6, 2, 4)
    context = varlen.attend(states, states, states, packing=packing, scale=1.0, window=(255, 0))
    ((begins, same, *rest),) = given
    assert isinstance(begins, Tensor)
    assert begins is same
    assert (begins.tolist(), begins.dtype) == ([0, 1, 3, 6], torch.int32)
    assert rest == [3, 3, 1.0, (255, 0)]
    assert context.shape == (6, 8)


def test_an_older_torch_says_what_is_missing(packing: Packing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(varlen, "_kernel", lambda: None)
    states = torch.zeros(6, 2, 4)
    with pytest.raises(RuntimeError, match=r"needs torch\.nn\.attention\.varlen"):
        varlen.attend(states, states, states, packing=packing, scale=1.0, window=(-1, -1))
