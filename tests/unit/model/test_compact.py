import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from polyhead.model.compact import SPECIAL, build_compact, configure, train_tokenizer
from polyhead.model.encoder import LoadedEncoder, load_module
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.tasks.base import Task
from polyhead.text.tokens import TextTokenizer

CORPUS = (
    "The Yellowstone National Park sees over four million visitors.",
    "Visitors of the park saw four bears and a million flies.",
    "Zürich sees more visitors than the park; 東京 sees millions.",
    "",
    "a lone surrogate \ud800 is read as a question mark",
)


@pytest.fixture(scope="module")
def compact() -> LoadedEncoder:
    return build_compact(CORPUS * 3, 0)


def states(loaded: LoadedEncoder, texts: Sequence[str]) -> list[torch.Tensor]:
    batch = loaded.tokenizer.batch(loaded.tokenizer.tokenize(texts))
    mask = torch.from_numpy(batch.mask)
    with torch.no_grad():
        found = loaded.module(torch.from_numpy(batch.ids), attention_mask=mask.long()).last_hidden_state
    return [found[row, mask[row]] for row in range(len(texts))]


def test_it_is_small_and_ready(compact: LoadedEncoder) -> None:
    assert not compact.module.training
    assert compact.width == 256
    assert compact.tokenizer.max_tokens == 512
    assert sum(parameter.numel() for parameter in compact.module.parameters()) < 2_500_000


def test_the_recipe_may_ask_for_shorter_inputs_but_not_for_longer_ones() -> None:
    assert build_compact(CORPUS, 0, max_tokens=20).tokenizer.max_tokens == 20
    assert build_compact(CORPUS, 0, max_tokens=9000).tokenizer.max_tokens == 512


def test_the_same_texts_and_seed_give_the_same_weights() -> None:
    first, again, other = build_compact(CORPUS, 4), build_compact(CORPUS, 4), build_compact(CORPUS, 5)
    weights = again.module.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in first.module.state_dict().items())
    assert not all(torch.equal(tensor, weights[name]) for name, tensor in other.module.state_dict().items())


def test_a_vocabulary_may_be_smaller_but_always_spells_every_word() -> None:
    most = len(train_tokenizer(CORPUS * 3).get_vocab())
    small = train_tokenizer(CORPUS * 3, size=most - 20)
    assert len(small.get_vocab()) == most - 20
    assert "[UNK]" not in small.encode(CORPUS[0]).tokens
    assert len(train_tokenizer(CORPUS * 3, size=1).get_vocab()) > len(SPECIAL)


def test_it_may_be_wider_and_deeper() -> None:
    settings = configure(train_tokenizer(CORPUS).get_vocab(), width=384, layers=6)
    assert (settings.hidden_size, settings.num_hidden_layers, settings.num_attention_heads) == (384, 6, 6)


def test_the_random_numbers_of_the_caller_are_left_alone() -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    build_compact(CORPUS, 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_tokens_are_the_same_in_every_process() -> None:
    words = [f"word{number % 17} part{number % 7} piece{number % 5}ing" for number in range(60)]
    expected = hashlib.sha256(train_tokenizer(words).to_str().encode()).hexdigest()
    code = (
        "import hashlib; from polyhead.model.compact import train_tokenizer\n"
        "words = [f'word{number % 17} part{number % 7} piece{number % 5}ing' for number in range(60)]\n"
        "print(hashlib.sha256(train_tokenizer(words).to_str().encode()).hexdigest())\n"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == expected


def test_the_order_of_the_texts_does_not_matter() -> None:
    assert train_tokenizer(CORPUS).to_str() == train_tokenizer(CORPUS[::-1]).to_str()


def test_special_tokens_come_first_and_frequent_words_are_whole() -> None:
    vocabulary = train_tokenizer(CORPUS * 3).get_vocab()
    assert sorted(vocabulary, key=vocabulary.__getitem__)[: len(SPECIAL)] == list(SPECIAL)
    assert {"visitors", "park", "million"} <= set(vocabulary)


@pytest.mark.parametrize("text", ["Unseen words!", "x@y.z {42}", "Visitors", "NATO", "under_score"])
def test_what_a_keyboard_can_type_is_never_unknown(text: str) -> None:
    assert "[UNK]" not in train_tokenizer(CORPUS).encode(text).tokens


def test_nothing_stands_around_a_text_and_one_token_between_two(compact: LoadedEncoder) -> None:
    tokenizer = train_tokenizer(CORPUS * 3)
    assert tokenizer.encode("park visitors").tokens == ["park", "visitors"]
    assert tokenizer.encode("park", "visitors").tokens == ["park", "[SEP]", "visitors"]
    (empty,) = compact.tokenizer.tokenize([""])
    assert empty.ids.tolist() == [SPECIAL.index("[MASK]")]


def test_no_texts_at_all_still_give_a_tokenizer() -> None:
    loaded = build_compact((), 0)
    assert [len(state) for state in states(loaded, ["", "abc"])] == [1, 3]


def test_words_keep_their_places_in_the_text(compact: LoadedEncoder) -> None:
    text = "The Yellowstone National Park sees over four million visitors."
    batch = compact.tokenizer.batch(compact.tokenizer.tokenize([text]))
    assert batch.words is not None
    assert batch.borders is not None
    found = [text[start:end] for start, end in batch.borders[0][batch.words[0]].tolist()]
    assert found == ["The", "Yellowstone", "National", "Park", "sees", "over", "four", "million", "visitors", "."]


def test_padding_never_changes_a_state(compact: LoadedEncoder) -> None:
    texts = ["", "park", "Zürich sees", CORPUS[0] * 5]
    together = states(compact, texts)
    for text, found in zip(texts, together, strict=True):
        assert torch.allclose(states(compact, [text])[0], found, atol=1e-5, rtol=0)


def test_the_folder_of_a_compact_model_holds_a_stock_encoder(tasks: dict[str, Task], tmp_path: Path) -> None:
    loaded = build_compact(CORPUS * 3, 0)
    model = MultiTaskModel(
        encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=tasks, pooling="mean", projection=None
    ).eval()
    model.save_pretrained(tmp_path / "model")
    again = MultiTaskModel.from_pretrained(tmp_path / "model")
    batch = model.tokenizer.batch(model.tokenizer.tokenize(CORPUS))
    before, after = (TorchEngine(of).run(batch, list(tasks)) for of in (model, again))
    assert np.allclose(before.embedding, after.embedding, atol=1e-6)
    assert np.allclose(before.logits["entities"], after.logits["entities"], atol=1e-6)
    plain = load_module(tmp_path / "model")
    assert type(plain.get_input_embeddings()) is torch.nn.Embedding
    read = TextTokenizer.from_folder(tmp_path / "model", max_tokens=512, padding_id=0, filler_id=2)
    assert read.tokenize([CORPUS[0]])[0].ids.tolist() == model.tokenizer.tokenize([CORPUS[0]])[0].ids.tolist()
