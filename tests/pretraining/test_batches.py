from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from polyhead.model.compact import SPECIAL
from polyhead.spans import Integers

if TYPE_CHECKING:
    from batches import BatchSource

VOCABULARY, BUDGET = 50, 512


@pytest.fixture
def ends(random: np.random.Generator) -> Integers:
    return np.cumsum(random.integers(9, 300, 401))


@pytest.fixture
def tokens(ends: Integers, random: np.random.Generator) -> NDArray[np.uint16]:
    return random.integers(len(SPECIAL), VOCABULARY, ends[-1]).astype(np.uint16)


def source(tokens: NDArray[np.uint16], ends: Integers, *, seed: int = 0) -> "BatchSource":
    from batches import BatchSource

    return BatchSource(tokens, ends, vocabulary=VOCABULARY, budget=BUDGET, seed=seed)


def test_rows_hold_every_token_of_a_passage_once_and_of_no_other(ends: Integers) -> None:
    from batches import ROW, cut

    rows = cut(ends, np.array([0, 3, 4]))
    covered = np.concatenate([np.arange(b, b + n) for b, n in zip(rows.begins, rows.lengths, strict=True)])
    assert covered.tolist() == [*range(ends[0]), *range(ends[2], ends[4])]
    assert rows.lengths.max() <= ROW
    borders = {0, *ends.tolist()}
    inside = [borders & set(range(b + 1, b + n)) for b, n in zip(rows.begins, rows.lengths, strict=True)]
    assert not any(inside)


def test_pieces_with_hardly_any_token_are_left_out() -> None:
    from batches import cut

    assert cut(np.array([3, 20]), np.array([0, 1])).begins.tolist() == [3]


def test_a_batch_is_a_function_of_seed_and_step_alone(tokens: NDArray[np.uint16], ends: Integers) -> None:
    early, late = source(tokens, ends), source(tokens, ends)
    steps = [0, 1, early.steps_per_epoch, 3 * early.steps_per_epoch + 2]
    before = [early.make(step) for step in steps]
    after = [late.make(step) for step in reversed(steps)][::-1]
    for one, other in zip(before, after, strict=True):
        assert torch.equal(one.ids, other.ids)
        assert torch.equal(one.places, other.places)
        assert torch.equal(one.targets, other.targets)
    assert not torch.equal(before[0].ids[:, :9], before[1].ids[:, :9][: len(before[0].ids)])
    assert not torch.equal(source(tokens, ends, seed=1).make(0).targets[:20], before[0].targets[:20])


def test_an_epoch_meets_a_row_at_most_once_and_never_one_that_is_held_out(ends: Integers) -> None:
    # Each token tells its passage.
    passages = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0)) + len(SPECIAL)
    batches = source(passages.astype(np.uint16), ends)
    met = np.zeros(len(ends) + len(SPECIAL), dtype=int)
    for step in range(batches.steps_per_epoch):
        made = batches.make(step)
        assert int(made.packing.lengths.sum()) <= BUDGET + 128
        packed = made.packing.pack(made.ids).clone()
        packed[made.places] = made.targets + len(SPECIAL)
        met += np.bincount(packed.numpy(), minlength=len(met))
    sizes = np.diff(ends, prepend=0)
    assert (met[len(SPECIAL) :] <= sizes).all()
    assert met[len(SPECIAL) :].sum() > 0.95 * sizes.sum()
    held_out = {int(made.targets.min()) for made in batches.held_out()}
    assert not met[[len(SPECIAL), len(SPECIAL) + 200, len(SPECIAL) + 400]].any()
    assert held_out <= {0, 200, 400}


def test_about_a_fifth_is_to_be_guessed_and_most_of_that_is_hidden(tokens: NDArray[np.uint16], ends: Integers) -> None:
    batches = source(tokens, ends)
    made = [batches.make(step) for step in range(60)]
    ordinary = sum(int(of.packing.lengths.sum()) for of in made)
    shown = torch.cat([of.packing.pack(of.ids)[of.places] for of in made])
    targets = torch.cat([of.targets for of in made]) + len(SPECIAL)
    assert len(targets) / ordinary == pytest.approx(0.2, abs=0.01)
    hidden = shown == SPECIAL.index("[MASK]")
    assert float(hidden.float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float((shown == targets).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert shown[~hidden].min() >= len(SPECIAL)


def test_a_move_reaches_every_tensor(tokens: NDArray[np.uint16], ends: Integers) -> None:
    made = source(tokens, ends).make(0)
    moved = made.through(lambda tensor: tensor.to("meta"))
    packing = moved.packing
    found = [moved.ids, moved.places, moved.targets, packing.places, packing.positions, packing.texts, packing.begins]
    found += [of for bucket in packing.buckets for of in (bucket.places, bucket.mask) if of is not None]
    assert {tensor.device.type for tensor in found} == {"meta"}
    assert any(bucket.mask is not None for bucket in packing.buckets)
