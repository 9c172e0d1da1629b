"""Small models of every family that is built by hand, with weights that are far from zero, and one that is not."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    GPTNeoConfig,
    GPTNeoModel,
    ModernBertConfig,
    ModernBertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)

from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.names import EMBEDDING, MASK, TOKEN_STATES, TOKENS, logits_name
from polyhead.runtime.session import open_session
from polyhead.sharing.base import Sharing
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{number}" for number in range(96))]
SEPARATOR = 3
LONGEST = 80
SIZE: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": LONGEST,
    "pad_token_id": 0,
}
DEBERTA = {
    **SIZE,
    "relative_attention": True,
    "position_buckets": 16,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["c2p", "p2c"],
    "type_vocab_size": 0,
    "position_biased_input": False,
}
ENCODERS: dict[str, Callable[[], PreTrainedModel]] = {
    "bert": lambda: BertModel(BertConfig(**SIZE), add_pooling_layer=False),
    "roberta": lambda: RobertaModel(
        RobertaConfig(**{**SIZE, "pad_token_id": 1, "max_position_embeddings": LONGEST + 2, "type_vocab_size": 1}),
        add_pooling_layer=False,
    ),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(
            vocab_size=len(VOCABULARY), dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=LONGEST
        )
    ),
    "electra": lambda: ElectraModel(ElectraConfig(**SIZE, embedding_size=16)),
    "gpt_neo": lambda: GPTNeoModel(
        GPTNeoConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=32,
            num_layers=4,
            num_heads=4,
            intermediate_size=64,
            max_position_embeddings=LONGEST,
            window_size=16,
            attention_types=[[["global", "local"], 2]],
            bos_token_id=2,
            eos_token_id=3,
        )
    ),
    "deberta": lambda: DebertaV2Model(DebertaV2Config(**DEBERTA, conv_kernel_size=5, conv_act="gelu")),
    "deberta_apart": lambda: DebertaV2Model(
        DebertaV2Config(
            **{
                **DEBERTA,
                "share_att_key": False,
                "position_biased_input": True,
                "type_vocab_size": 2,
                "position_buckets": -1,
                "norm_rel_ebd": "none",
            }
        )
    ),
    "deberta_absolute": lambda: DebertaV2Model(
        DebertaV2Config(**{**DEBERTA, "relative_attention": False, "position_biased_input": True, "pos_att_type": []})
    ),
    "modernbert": lambda: ModernBertModel(
        ModernBertConfig(
            **SIZE,
            local_attention=8,
            global_attn_every_n_layers=2,
            bos_token_id=2,
            eos_token_id=3,
            cls_token_id=2,
            sep_token_id=3,
        )
    ),
}
Make = Callable[..., MultiTaskModel]


def tokenizer_for_tests() -> TextTokenizer:
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", SEPARATOR)],
    )
    return TextTokenizer(tokenizer, max_tokens=LONGEST, padding_id=0, filler_id=2)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def make_model() -> Make:
    """Make a model in evaluation, the same each time."""

    def make(
        family: str = "bert", pooling: str = "mean", *, projection: int | None = None, sharing: Sharing | None = None
    ) -> MultiTaskModel:
        tasks = {
            "add": Classification(labels=("a", "b", "c"), head="mlp", hidden=8),
            "names": Entities(labels=("X", "Y")),
        }
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(3)
            model = MultiTaskModel(
                encoder=ENCODERS[family](),
                tokenizer=tokenizer_for_tests(),
                tasks=tasks,
                pooling=pooling,
                projection=projection,
                sharing=sharing,
            )
            for parameter in model.parameters():
                torch.nn.init.normal_(parameter, std=0.3)
        return model.eval()

    return make


@pytest.fixture
def folder(make_model: Make, tmp_path: Path) -> Path:
    """A model folder with a small BERT, not exported yet."""
    path = tmp_path / "model"
    make_model().save_pretrained(path)
    return path


def run(graph: onnx.ModelProto, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, Any]:
    session = open_session(graph.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {TOKENS: ids.numpy(), MASK: mask.numpy()}), strict=True))


def worst_difference(model: MultiTaskModel, graph: onnx.ModelProto) -> float:
    """Compare a graph with its model at real tokens, for one token up to the longest text, and ragged batches."""
    generator = torch.Generator().manual_seed(1)
    worst = 0.0
    for rows, tokens in ((1, 1), (3, 7), (2, 40), (2, LONGEST)):
        ids = torch.randint(SEPARATOR, len(VOCABULARY), (rows, tokens), generator=generator)
        mask = torch.ones(rows, tokens, dtype=torch.int64)
        if rows > 1:
            mask[1, tokens // 2 :] = 0
            ids[1, tokens // 2 :] = model.encoder.config.pad_token_id or 0
        with torch.inference_mode():
            expected = model({TOKENS: ids, MASK: mask})
            plain = model({TOKENS: ids, MASK: mask}, ())
        found, real = run(graph, ids, mask), mask.bool().numpy()
        pairs: Mapping[str, tuple[Any, Any]] = {
            "add": (found[logits_name("add")], expected["add"].numpy()),
            "names": (found[logits_name("names")][real], expected["names"].numpy()[real]),
            "embedding": (found[EMBEDDING], plain.embedding.numpy()),
            "tokens": (found[TOKEN_STATES][real], plain.tokens.numpy()[real]),
        }
        worst = max(worst, *(float(np.abs(left - right).max()) for left, right in pairs.values()))
    return worst


@pytest.fixture
def difference() -> Callable[[MultiTaskModel, onnx.ModelProto], float]:
    return worst_difference
