"""Real encoders, small enough to be made anew in each run: one folder a family, as the hub would give it."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModel,
    BertConfig,
    DistilBertConfig,
    GPTNeoConfig,
    ModernBertConfig,
    PreTrainedConfig,
    RobertaConfig,
)

from polyhead.model.encoder import load_encoder, quiet
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import EncoderSettings
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

TEXTS = (
    "Fetch Rewards is awesome and is America's number one app",
    "The Yellowstone National Park sees over four million visitors.",
    "Wow!! Zürich and 東京 met on 12 May 2024; they talked about trade, taxes and the weather for hours on end.",
    "short",
)
WIDTH, POSITIONS = 32, 48
FAMILIES = ("bert", "distilbert", "gpt_neo", "modernbert", "roberta")


def _word_pieces() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        TEXTS, trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def _bytes(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def _roberta_bytes() -> Tokenizer:
    tokenizer = _bytes(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def _bert_size(vocabulary: int) -> dict[str, int]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }


def _family(name: str) -> tuple[PreTrainedConfig, Tokenizer, dict[str, object]]:
    bert_roles = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    pieces = _word_pieces()
    size = _bert_size(pieces.get_vocab_size())
    match name:
        case "bert":
            configuration = BertConfig(**size, max_position_embeddings=POSITIONS)
            return configuration, pieces, {"tokenizer_class": "BertTokenizer", "do_lower_case": False, **bert_roles}
        case "distilbert":
            configuration = DistilBertConfig(
                vocab_size=size["vocab_size"],
                dim=WIDTH,
                n_layers=2,
                n_heads=2,
                hidden_dim=64,
                max_position_embeddings=48,
            )
            return configuration, pieces, {"tokenizer_class": "PreTrainedTokenizerFast", **bert_roles}
        case "modernbert":
            ids = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
            configuration = ModernBertConfig(
                **size,
                **ids,
                max_position_embeddings=POSITIONS,
                local_attention=8,
                global_attn_every_n_layers=2,
            )
            return configuration, pieces, {"tokenizer_class": "PreTrainedTokenizerFast", **bert_roles}
        case "roberta":
            tokenizer = _roberta_bytes()
            size = _bert_size(tokenizer.get_vocab_size())
            roles = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
            configuration = RobertaConfig(**size, max_position_embeddings=POSITIONS + 2, type_vocab_size=1)
            return configuration, tokenizer, {"tokenizer_class": "RobertaTokenizer", **roles}
        case _:
            tokenizer = _bytes(["<|endoftext|>"])
            # As gpt-neo-125m comes: one token for all ends, and none for padding.
            roles = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
            configuration = GPTNeoConfig(
                vocab_size=tokenizer.get_vocab_size(),
                hidden_size=WIDTH,
                num_layers=2,
                num_heads=2,
                attention_types=[[["global", "local"], 1]],
                window_size=4,
                max_position_embeddings=POSITIONS,
                bos_token_id=0,
                eos_token_id=0,
            )
            return configuration, tokenizer, {"tokenizer_class": "GPT2Tokenizer", **roles}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    return TEXTS


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """One folder a family, with random weights that are far from zero."""
    home = tmp_path_factory.mktemp("encoders")
    for name in FAMILIES:
        configuration, tokenizer, roles = _family(name)
        folder = home / name
        with torch.random.fork_rng(), quiet():
            torch.manual_seed(7)
            module = AutoModel.from_config(configuration)
            for parameter in module.parameters():
                torch.nn.init.normal_(parameter, std=0.2)
            module.save_pretrained(folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "tokenizer_config.json").write_text(json.dumps(roles))
    return dict(sorted((name, home / name) for name in FAMILIES))


@pytest.fixture
def bert(encoders: Mapping[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(encoders["bert"], tmp_path / "bert"))


@pytest.fixture(scope="session")
def tasks() -> Mapping[str, Task]:
    return {
        "topic": Classification(labels=("travel", "technology", "politics", "other"), head="mlp"),
        "entities": Entities(labels=("PERSON", "LOC", "ORG", "DATE")),
    }


@pytest.fixture
def make_model(encoders: Mapping[str, Path], tasks: Mapping[str, Task]) -> Callable[..., MultiTaskModel]:
    """Make a model in evaluation, the same each time."""

    def make(
        family: str, pooling: str = "mean", *, projection: int | None = None, asks: Mapping[str, Task] = tasks
    ) -> MultiTaskModel:
        loaded = load_encoder(EncoderSettings(name=str(encoders[family])), folder=Path())
        # A batch of texts is what the encoder reads only as long as none of them is longer than it takes.
        loaded.tokenizer.overlap = None
        with torch.random.fork_rng():
            torch.manual_seed(3)
            model = MultiTaskModel(
                encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=asks, pooling=pooling, projection=projection
            )
            if pooling == "attention":
                torch.nn.init.normal_(model.pooling.query)
        return model.eval()

    return make
