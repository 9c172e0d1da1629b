"""What a family does not know goes through the forward of transformers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModel, BertConfig, DebertaV2Config, ElectraConfig, PreTrainedConfig, PreTrainedModel

from polyhead.model.packed.families import FAMILIES, family_of
from polyhead.model.packed.states import encode

MakeModule = Callable[..., PreTrainedModel]
MakeBatch = Callable[..., tuple[Tensor, Tensor]]
SIZE: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 96,
}
DISTANCES: dict[str, Any] = {
    "relative_attention": True,
    "position_buckets": 16,
    "pos_att_type": ["c2p", "p2c"],
    "share_att_key": True,
    "position_biased_input": False,
    "type_vocab_size": 0,
}
UNKNOWN: dict[str, PreTrainedConfig] = {
    "another family": ElectraConfig(**SIZE),
    "a decoder": BertConfig(**SIZE, is_decoder=True),
    "cross attention": BertConfig(**SIZE, is_decoder=True, add_cross_attention=True),
    "absolute positions beside": DebertaV2Config(**SIZE, **{**DISTANCES, "position_biased_input": True}),
    "projections of distances": DebertaV2Config(**SIZE, **{**DISTANCES, "share_att_key": False}),
    "distances one way": DebertaV2Config(**SIZE, **{**DISTANCES, "pos_att_type": ["c2p"]}),
    "no distances": DebertaV2Config(**SIZE, **{**DISTANCES, "relative_attention": False, "pos_att_type": []}),
    "types": DebertaV2Config(**SIZE, **{**DISTANCES, "type_vocab_size": 2}),
    "narrow words": DebertaV2Config(**SIZE, **DISTANCES, embedding_size=16),
}


@pytest.mark.parametrize("configuration", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_not_known_runs_as_in_transformers(make_batch: MakeBatch, configuration: PreTrainedConfig) -> None:
    module = AutoModel.from_config(configuration).eval()
    ids, mask = make_batch([4, 9])
    assert family_of(module) is None
    with torch.inference_mode():
        found = encode(module, ids, mask)
        expected = module(input_ids=ids, attention_mask=mask).last_hidden_state
    assert found.packed is None
    assert torch.equal(found.padded, expected)


def test_every_family_is_found(make_module: MakeModule, family: str) -> None:
    assert family_of(make_module(family)) is FAMILIES[type(make_module(family)).__name__]


def test_a_class_of_ones_own_is_not_taken_for_the_stock_one(make_module: MakeModule) -> None:
    stock = type(make_module("bert"))
    own = type("BertModel", (stock,), {"__module__": "somewhere.modeling"})
    assert family_of(own(BertConfig(**SIZE))) is None


def test_other_attention_code_runs_as_in_transformers(make_module: MakeModule) -> None:
    module = make_module("bert")
    module.config._attn_implementation = "flex_attention"  # noqa: SLF001
    assert family_of(module) is None


@pytest.mark.parametrize("place", ["model", "layer"])
def test_a_hooked_forward_is_called(make_module: MakeModule, make_batch: MakeBatch, family: str, place: str) -> None:
    module = make_module(family)
    layers = next(part for part in module.modules() if isinstance(part, nn.ModuleList))
    calls: list[str] = []
    handle = (module if place == "model" else layers[0]).register_forward_hook(lambda *_: calls.append(place))
    ids, mask = make_batch([4, 9])
    encode(module, ids, mask)
    handle.remove()
    encode(module, ids, mask)
    assert calls == [place]


def test_checkpointing_of_gradients_goes_on(make_module: MakeModule) -> None:
    module = make_module("bert").train()
    layer = module.encoder.layer[0]
    layer.gradient_checkpointing = True
    assert family_of(module) is None
    layer.gradient_checkpointing = False
    assert family_of(module) is not None


def test_a_replaced_layer_of_weights_takes_part(make_module: MakeModule, make_batch: MakeBatch, family: str) -> None:
    module = make_module(family)
    ids, mask = make_batch([4, 9])
    with torch.inference_mode():
        before = encode(module, ids, mask).padded
        embedding = module.get_input_embeddings()
        module.set_input_embeddings(nn.Embedding.from_pretrained(embedding.weight.flip(0)))
        after = encode(module, ids, mask).padded
        expected = module(input_ids=ids, attention_mask=mask).last_hidden_state
    real = mask.bool()
    assert not torch.allclose(before[real], after[real], atol=1e-3)
    assert torch.allclose(after[real], expected[real], atol=1e-5)


@pytest.mark.parametrize("mask", [[[0, 1, 1], [1, 1, 1]], [[1, 0, 1], [1, 1, 1]]], ids=["padded left", "a hole"])
def test_padding_that_is_not_at_the_end_runs_as_in_transformers(make_module: MakeModule, mask: list[list[int]]) -> None:
    states = encode(make_module("bert"), torch.full((2, 3), 5), torch.tensor(mask))
    assert states.packed is None


def test_a_drawn_graph_is_that_of_transformers(make_module: MakeModule, make_batch: MakeBatch) -> None:
    module = make_module("bert")

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = module

        def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
            return encode(self.encoder, ids, mask).padded

    ids, mask = make_batch([4, 9])
    drawn = torch.export.export(Whole(), (ids, mask)).module()
    real = mask.bool()
    with torch.no_grad():
        assert torch.allclose(drawn(ids, mask)[real], Whole()(ids, mask)[real], atol=1e-5)
