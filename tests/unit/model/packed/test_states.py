"""Every family without padding gives what its stock forward gives."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.packed.states import TokenStates, encode

MakeModule = Callable[..., PreTrainedModel]
MakeBatch = Callable[..., tuple[Tensor, Tensor]]
SHUFFLED = random.Random(3)
MIXES = {
    "a single token": [1],
    "single tokens": [1, 1, 1],
    "one text": [23],
    "all equal": [7, 7, 7, 7],
    "one long among many short": [3, 90, 2, 4, 1, 5, 3],
    "about the same": [30, 28, 33, 31],
    **{f"mix {number}": [SHUFFLED.randint(1, 90) for _ in range(SHUFFLED.randint(2, 9))] for number in range(4)},
}


def stock(module: PreTrainedModel, ids: Tensor, mask: Tensor) -> Tensor:
    return module(input_ids=ids, attention_mask=mask).last_hidden_state


@pytest.mark.parametrize("lengths", MIXES.values(), ids=MIXES.keys())
def test_packed_states_are_those_of_transformers(
    make_module: MakeModule, make_batch: MakeBatch, family: str, lengths: list[int]
) -> None:
    module = make_module(family)
    ids, mask = make_batch(lengths)
    with torch.inference_mode():
        found = encode(module, ids, mask)
        expected = stock(module, ids, mask)
    assert found.packed is not None
    assert found.packed.shape == (sum(lengths), 32)
    real = mask.bool()
    assert torch.allclose(found.padded[real], expected[real], rtol=0, atol=1e-5)


def test_gradients_are_those_of_the_padded_forward(make_module: MakeModule, make_batch: MakeBatch, family: str) -> None:
    module = make_module(family, dropout=0.0).train()
    ids, mask = make_batch([5, 21, 1, 60, 20, 5])
    wanted = torch.randn(*mask.shape, 32, generator=torch.Generator().manual_seed(1)) * mask[..., None]
    gradients: list[dict[str, Tensor]] = []
    for states in (encode(module, ids, mask).padded, stock(module, ids, mask)):
        module.zero_grad()
        (states * wanted).sum().backward()
        gradients.append({name: of.grad.clone() for name, of in module.named_parameters() if of.grad is not None})
    packed, padded = gradients
    # A pooling layer of the stock module reads what nobody asked for here.
    assert packed.keys() == padded.keys()
    for name, gradient in padded.items():
        scale = float(gradient.abs().max().clamp(min=1.0))
        assert torch.allclose(packed[name], gradient, rtol=0, atol=1e-5 * scale), name


def test_the_texts_beside_a_text_never_change_its_states(
    make_module: MakeModule, make_batch: MakeBatch, family: str
) -> None:
    module = make_module(family)
    lengths = [9, 40, 10, 1, 70, 9]
    ids, mask = make_batch(lengths)
    with torch.inference_mode():
        together = encode(module, ids, mask).padded
        for row, length in enumerate(lengths):
            alone = encode(module, ids[row : row + 1, :length], mask[row : row + 1, :length]).padded
            assert torch.allclose(alone[0], together[row, :length], rtol=0, atol=1e-5)
        order = [3, 0, 5, 1, 4, 2]
        turned = encode(module, ids[order], mask[order]).padded
    assert torch.allclose(turned, together[order], rtol=0, atol=1e-5)


def test_training_drops_at_random_and_the_seed_fixes_it(
    make_module: MakeModule, make_batch: MakeBatch, family: str
) -> None:
    module = make_module(family, dropout=0.2).train()
    ids, mask = make_batch([5, 30, 28])
    drawn: list[Tensor] = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(encode(module, ids, mask).padded)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.allclose(drawn[0], drawn[2], atol=1e-2)


@pytest.mark.parametrize(
    ("places", "change"), [("hidden", "attention"), ("attention", "hidden")], ids=["hidden only", "attention only"]
)
def test_each_dropout_of_a_layer_takes_part(
    make_module: MakeModule, make_batch: MakeBatch, places: str, change: str
) -> None:
    module = make_module("compact", dropout=0.0).train()
    for layer in module.encoder.layer:
        kept = {"attention": layer.attention.self.dropout, "hidden": layer.output.dropout}
        kept[places].p, kept[change].p = 0.3, 0.0
    ids, mask = make_batch([12, 30])
    torch.manual_seed(0)
    with torch.no_grad():
        first, second = encode(module, ids, mask).padded, encode(module, ids, mask).padded
    assert not torch.allclose(first, second, atol=1e-3)


def test_the_mean_over_many_dropouts_is_near_the_stock_mean(make_module: MakeModule, make_batch: MakeBatch) -> None:
    module = make_module("bert", dropout=0.1).train()
    ids, mask = make_batch([6, 9])
    torch.manual_seed(0)
    with torch.no_grad():
        packed = torch.stack([encode(module, ids, mask).padded for _ in range(300)])
        padded = torch.stack([stock(module, ids, mask) for _ in range(300)])
    real = mask.bool()
    error = (packed.var(0) / 300 + padded.var(0) / 300).sqrt()
    distance = ((packed.mean(0) - padded.mean(0)) / error)[real]
    assert float(distance.abs().mean()) < 1.0
    assert torch.allclose(packed.std(0)[real].mean(), padded.std(0)[real].mean(), rtol=0.05)


def test_half_precision_runs_in_every_family(make_module: MakeModule, make_batch: MakeBatch, family: str) -> None:
    module = make_module(family)
    ids, mask = make_batch([5, 30, 28])
    with torch.no_grad():
        expected = stock(module, ids, mask)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = encode(module, ids, mask).padded
    real = mask.bool()
    assert float((found.float() - expected)[real].abs().mean()) < 0.1


def test_a_head_sees_real_tokens_only(make_module: MakeModule, make_batch: MakeBatch) -> None:
    ids, mask = make_batch([2, 9, 4])
    states = encode(make_module("bert"), ids, mask)
    seen: list[int] = []
    head = torch.nn.Linear(32, 3)
    head.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[0]))
    logits = states.through(head)
    assert seen == [15]
    assert logits.shape == (3, 9, 3)
    real = mask.bool()
    assert torch.allclose(logits[real], head(states.padded)[real], atol=1e-6)
    assert not logits[~real].any()


def test_a_head_sees_padded_states_where_there_are_no_others() -> None:
    states = TokenStates(torch.ones(2, 3, 4))
    assert states.through(lambda padded: padded[..., :2]).shape == (2, 3, 2)
