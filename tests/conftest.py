"""What all tests share: no network, few threads, small tokenizers and encoders made here."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Set before anything imports torch or transformers; the package itself sets nothing.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pytest
from hypothesis import settings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from polyhead.text.tokens import TextTokenizer

# The same examples in every run, however slow the machine.
settings.register_profile("polyhead", derandomize=True, deadline=None)
settings.load_profile("polyhead")

SENTENCES = (
    "The Yellowstone National Park sees over four million visitors.",
    "Fetch Rewards is awesome and is America's number one app.",
    "Maria Okafor moved to São Paulo in March 2021.",
    "The river froze, and nobody could reach the mill for a week!",
    "Is the ferry to Naxos running today, or has the wind stopped it?",
    "Zoë and Søren opened a café near the Łódź railway station.",
    "A well-known chef (and her brother) sold 1,250 pies on 4 July.",
    "My parcel never came; support at Nordlys AS was no help at all.",
    "Tests showed that the re-built engine isn't any louder.",
    "Поезд из Казани прибыл вовремя, несмотря на снег.",
    "東京で新しい美術館が開きました。",
    "वह कल दिल्ली गया और हम घर पर रहे।",
    "ذهبت ليلى إلى السوق في القاهرة.",
    "Great match 🎉👏🏽, see you at the 🏟️ on Sunday 😀",
)
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
TokenizerMaker = Callable[[], Tokenizer]


def _wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return _with_borders(tokenizer)


def _uncased() -> Tokenizer:
    """Lower case and strip accents, as many published encoders do."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return _with_borders(tokenizer)


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=220, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False, max_piece_length=8
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return _with_borders(tokenizer)


def _with_borders(tokenizer: Tokenizer) -> Tokenizer:
    number = {token: tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=list(number.items())
    )
    return tokenizer


MAKERS: dict[str, TokenizerMaker] = {
    "wordpiece": _wordpiece,
    "uncased": _uncased,
    "byte_level": _byte_level,
    "unigram": _unigram,
}


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: Any) -> None:  # noqa: ANN401
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            message = f"a test tried to reach {address}"
            raise AssertionError(message)
        connect(self, address)

    socket.socket.connect = connect_here  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def sentences() -> tuple[str, ...]:
    """Sentences of many scripts, written for these tests."""
    return SENTENCES


@pytest.fixture(scope="session")
def raw_tokenizers() -> dict[str, str]:
    """The content of `tokenizer.json` of one tokenizer of each family."""
    return {name: make().to_str() for name, make in MAKERS.items()}


@pytest.fixture(scope="session", params=MAKERS)
def text_tokenizer(request: pytest.FixtureRequest, raw_tokenizers: dict[str, str]) -> TextTokenizer:
    """Every family of tokenizer in turn, for up to 64 tokens."""
    tokenizer = Tokenizer.from_str(raw_tokenizers[request.param])
    return TextTokenizer(tokenizer, max_tokens=64, padding_id=0, filler_id=0)


@pytest.fixture(scope="session")
def wordpiece(raw_tokenizers: dict[str, str]) -> TextTokenizer:
    """A cased WordPiece tokenizer for up to 64 tokens."""
    return TextTokenizer(Tokenizer.from_str(raw_tokenizers["wordpiece"]), max_tokens=64, padding_id=0, filler_id=2)


@pytest.fixture
def random() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory, raw_tokenizers: dict[str, str]) -> Path:
    """A folder with a small encoder-only model, as `save_pretrained` writes it."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    tokenizer = Tokenizer.from_str(raw_tokenizers["wordpiece"])
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    torch.manual_seed(1)
    settings = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=0,
    )
    BertModel(settings).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gpt_neo_folder(tmp_path_factory: pytest.TempPathFactory, raw_tokenizers: dict[str, str]) -> Path:
    """A folder with a small causal model that has no padding token."""
    import torch
    from transformers import GPTNeoConfig, GPTNeoModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("gpt-neo")
    tokenizer = Tokenizer.from_str(raw_tokenizers["byte_level"])
    end = "<|endoftext|>"
    names = {"bos_token": end, "eos_token": end, "unk_token": end}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    torch.manual_seed(2)
    settings = GPTNeoConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_layers=2,
        num_heads=4,
        attention_types=[[["global", "local"], 1]],
        window_size=8,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPTNeoModel(settings).save_pretrained(folder)
    return folder
