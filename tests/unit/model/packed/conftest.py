"""Encoders of every family that runs without padding, small, in the form in which their stock forward is known."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModel,
    BertConfig,
    CamembertConfig,
    DebertaV2Config,
    DistilBertConfig,
    GPTNeoConfig,
    PreTrainedConfig,
    PreTrainedModel,
    RobertaConfig,
    XLMRobertaConfig,
)

VOCABULARY, POSITIONS, PADDING = 60, 96, 1
SIZE: Mapping[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": POSITIONS,
    "pad_token_id": PADDING,
}
DISTANCES: Mapping[str, Any] = {
    "relative_attention": True,
    "position_buckets": 16,
    "pos_att_type": ["c2p", "p2c"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "type_vocab_size": 0,
}
CONFIGURATIONS: Mapping[str, Callable[[], PreTrainedConfig]] = {
    "bert": lambda: BertConfig(**SIZE),
    "bert with another activation": lambda: BertConfig(**SIZE, hidden_act="silu"),
    "camembert": lambda: CamembertConfig(**SIZE),
    "compact": lambda: DebertaV2Config(**SIZE, **DISTANCES, conv_kernel_size=5, conv_act="gelu"),
    "deberta-v3": lambda: DebertaV2Config(**SIZE, **DISTANCES),
    "deberta without buckets": lambda: DebertaV2Config(**SIZE, **{**DISTANCES, "position_buckets": -1}),
    "distilbert": lambda: DistilBertConfig(
        vocab_size=VOCABULARY,
        dim=32,
        n_layers=2,
        n_heads=2,
        hidden_dim=48,
        max_position_embeddings=POSITIONS,
        pad_token_id=PADDING,
    ),
    "gpt_neo": lambda: GPTNeoConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_layers=2,
        num_heads=2,
        attention_types=[[["global", "local"], 1]],
        window_size=8,
        max_position_embeddings=POSITIONS,
        bos_token_id=0,
        eos_token_id=0,
    ),
    "roberta": lambda: RobertaConfig(**SIZE),
    "xlm-roberta": lambda: XLMRobertaConfig(**SIZE),
}
DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "dropout",
    "attention_dropout",
    "resid_dropout",
    "embed_dropout",
)


def built(configuration: PreTrainedConfig) -> PreTrainedModel:
    """Make a model with weights that are far from zero."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        module = AutoModel.from_config(configuration)
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    return module.eval()


def make(family: str, *, dropout: float | None = None) -> PreTrainedModel:
    """Make a model of a family, with another dropout everywhere if one is given."""
    configuration = CONFIGURATIONS[family]()
    if dropout is not None:
        for name in DROPOUTS:
            if hasattr(configuration, name):
                setattr(configuration, name, dropout)
    return built(configuration)


def batch_of(lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Make ids and mask of texts of given lengths; no token is that of padding."""
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(PADDING + 1, VOCABULARY, mask.shape, generator=generator)
    return torch.where(mask == 1, ids, PADDING), mask


@pytest.fixture(params=sorted(CONFIGURATIONS))
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def make_module() -> Callable[..., PreTrainedModel]:
    return make


@pytest.fixture
def make_batch() -> Callable[..., tuple[Tensor, Tensor]]:
    return batch_of
