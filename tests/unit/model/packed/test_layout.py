import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polyhead.model.packed.layout import SPREAD, Packing


def mask_of(lengths: list[int]) -> Tensor:
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


def packing_of(lengths: list[int]) -> Packing:
    packing = Packing.of(mask_of(lengths))
    assert packing is not None
    return packing


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_padding_goes_and_comes_back(lengths: list[int]) -> None:
    packing = packing_of(lengths)
    mask = mask_of(lengths)
    states = torch.randn(*mask.shape, 3) * mask[..., None]
    packed = packing.pack(states)
    assert packed.shape == (sum(lengths), 3)
    assert torch.equal(packing.pad(packed), states)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_positions_count_from_the_start_of_each_text(lengths: list[int]) -> None:
    packing = packing_of(lengths)
    mask = mask_of(lengths)
    assert torch.equal(packing.positions, packing.pack(torch.arange(mask.shape[1]).expand(mask.shape)))
    assert packing.texts.bincount().tolist() == sorted(lengths) == packing.lengths.tolist()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_buckets_hold_every_token_once_and_texts_of_about_the_same_length(lengths: list[int]) -> None:
    packing = packing_of(lengths)
    tokens = torch.arange(1, sum(lengths) + 1)[:, None]
    found: list[Tensor] = []
    for bucket in packing.buckets:
        grid = bucket.grid(tokens)
        assert grid.shape == (bucket.texts, bucket.longest, 1)
        real = grid[..., 0] != 0
        shortest = int(real.sum(dim=1).min())
        assert shortest >= bucket.longest - max(SPREAD, bucket.longest // 4)
        assert (bucket.mask is None) == (shortest == bucket.longest)
        if bucket.mask is not None:
            assert torch.equal(bucket.mask[:, 0, 0], real)
        found.append(bucket.packed(grid))
    assert torch.equal(torch.cat(found), tokens)


def test_texts_of_one_length_are_one_bucket_without_a_mask() -> None:
    (bucket,) = packing_of([5, 5, 5]).buckets
    assert (bucket.texts, bucket.longest, bucket.places, bucket.mask) == (3, 5, None, None)


def test_a_long_text_does_not_stretch_short_ones() -> None:
    buckets = packing_of([4, 300, 6, 5]).buckets
    assert [(bucket.texts, bucket.longest) for bucket in buckets] == [(3, 6), (1, 300)]


@pytest.mark.parametrize(
    "mask", [[[0, 1]], [[1, 0, 1]], [[1, 1], [0, 0]], [[]]], ids=["left", "hole", "empty text", "no token"]
)
def test_other_masks_are_not_packed(mask: list[list[int]]) -> None:
    assert Packing.of(torch.tensor(mask)) is None


def test_a_mask_of_truth_values_is_as_good() -> None:
    left, right = Packing.of(mask_of([2, 3]).bool()), packing_of([2, 3])
    assert left is not None
    assert torch.equal(left.places, right.places)
    assert np.array_equal(left.lengths, right.lengths)
