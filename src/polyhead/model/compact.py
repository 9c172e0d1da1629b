"""The built-in encoder: small, made for the recipe's own texts, nothing downloaded."""

import string
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoModel, DebertaV2Config

from polyhead.model.encoder import LoadedEncoder
from polyhead.model.spelling import SpelledEmbedding
from polyhead.text.tokens import TextTokenizer

COMPACT = "compact"
"""The word in the recipe."""

WIDTH, LAYERS, VOCABULARY, POSITIONS = 256, 3, 8000, 512
HEAD_WIDTH = 64
PADDING, UNKNOWN, SEPARATOR, MASK = SPECIAL = ("[PAD]", "[UNK]", "[SEP]", "[MASK]")
WORD = r"[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]"
"""A run of letters, a run of digits, or one other visible character."""

CONTINUATION = "##"
ALPHABET = 1000
"""Characters of the texts that get a token of their own, beside those of every keyboard; rarer ones are unknown."""

KEYBOARD = string.ascii_letters + string.digits + string.punctuation
DROPPED_TOKENS = 0.1
"""Share of the tokens that training hides, so that a small model reads the context and not names alone."""

SAMPLE = 200_000
"""Texts that the tokenizer learns from; more hardly change its subwords."""


def build_compact(
    texts: Iterable[str], seed: int, *, max_tokens: int = POSITIONS, overlap: float | None = None
) -> LoadedEncoder:
    """Make an untrained encoder, and a tokenizer trained on the texts. The same texts and seed give the same.

    It attends by relative position and begins with a convolution, which learn words from few texts sooner than
    absolute positions do; its token embeddings know how tokens are spelled, which matters more than depth.

    Args:
        texts: what the tokenizer learns its subwords from.
        seed: fixes the weights.
        max_tokens: the longest input, special tokens included.
        overlap: share of a long text's window that the next window reads too; without it, long texts are cut.

    Reference:
        He et al. 2021, https://arxiv.org/abs/2006.03654
    """
    tokenizer = train_tokenizer(texts)
    vocabulary = tokenizer.get_vocab()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = AutoModel.from_config(configure(vocabulary))
        module.set_input_embeddings(spell(vocabulary, width=WIDTH, dropped=DROPPED_TOKENS))
    text_tokenizer = TextTokenizer(
        tokenizer,
        max_tokens=min(max_tokens, POSITIONS),
        padding_id=vocabulary[PADDING],
        filler_id=vocabulary[MASK],
        overlap=overlap,
    )
    return LoadedEncoder(module.eval(), text_tokenizer, WIDTH)


def spell(vocabulary: Mapping[str, int], *, width: int, dropped: float) -> SpelledEmbedding:
    """Make untrained token embeddings that know spelling.

    Args:
        vocabulary: the tokens with their ids.
        width: width of the vectors.
        dropped: share of the tokens that training hides.
    """
    return SpelledEmbedding(
        sorted(vocabulary, key=vocabulary.__getitem__),
        width,
        special=len(SPECIAL),
        padding_id=vocabulary[PADDING],
        mask_id=vocabulary[MASK],
        dropped=dropped,
    )


def train_tokenizer(texts: Iterable[str], *, size: int = VOCABULARY) -> Tokenizer:
    """Train a cased WordPiece tokenizer; the same texts give the same tokens, in any process.

    Args:
        texts: what it learns its subwords from; the first 200,000 are read.
        size: the most tokens that it may have; single characters are always among them.
    """
    splitter = pre_tokenizers.Split(Regex(WORD), "removed", invert=True)
    words = Counter[str]()
    for text in islice(texts, SAMPLE):
        words.update(word for word, _ in splitter.pre_tokenize_str(text.encode("utf-8", "replace").decode()))
    learner = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # The trainer numbers continuations in the order of a hash table, which differs from run to run and settles
    # ties between merges; naming them first, in order, settles those for good.
    letters = _alphabet(words)
    named = [*SPECIAL, *letters, *(CONTINUATION + letter for letter in letters)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=named,
        limit_alphabet=len(letters),
        show_progress=False,
    )
    learner.train_from_iterator((word for word, count in _by_count(words) for _ in range(count)), trainer)
    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token=UNKNOWN, max_input_chars_per_word=100))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pre_tokenizer = splitter
    # Tokens around a text would be a sixth of a short one, and cost as much time as words do.
    between = [(SEPARATOR, tokenizer.token_to_id(SEPARATOR))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair=f"$A {SEPARATOR} $B:1", special_tokens=between
    )
    return tokenizer


def configure(vocabulary: Mapping[str, int], *, width: int = WIDTH, layers: int = LAYERS) -> DebertaV2Config:
    """Describe the network to transformers.

    Args:
        vocabulary: the tokens with their ids.
        width: width of the states, a multiple of 64; an attention head is 64 wide.
        layers: number of layers.
    """
    settings: dict[str, Any] = {
        "vocab_size": len(vocabulary),
        "pad_token_id": vocabulary[PADDING],
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // HEAD_WIDTH,
        "intermediate_size": 2 * width,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 0,
        "relative_attention": True,
        "position_buckets": 32,
        "pos_att_type": ["c2p", "p2c"],
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
        "position_biased_input": False,
        "conv_kernel_size": 5,
        "conv_act": "gelu",
        "hidden_dropout_prob": 0.3,
        "attention_probs_dropout_prob": 0.1,
    }
    return DebertaV2Config.from_dict(settings)


def _alphabet(words: Counter[str]) -> list[str]:
    letters = Counter[str]()
    for word, count in words.items():
        letters.update(dict.fromkeys(word, count))
    return sorted({*KEYBOARD, *(letter for letter, _ in _by_count(letters)[:ALPHABET])})


def _by_count(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
