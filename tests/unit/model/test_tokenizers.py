import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from polyhead.model.encoder import LoadedEncoder, load_encoder
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.tokenizers import write_tokenizer
from polyhead.recipe import EncoderSettings


def change(path: Path, changes: Mapping[str, object]) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def load(folder: Path, *, max_tokens: int = 512) -> LoadedEncoder:
    return load_encoder(EncoderSettings(name=str(folder), max_tokens=max_tokens), folder=Path())


def test_the_limit_of_the_tokenizer_counts_too(bert: Path) -> None:
    change(bert / "tokenizer_config.json", {"model_max_length": 12})
    assert load(bert).tokenizer.max_tokens == 12


@pytest.mark.parametrize(
    ("family", "padding", "filler"),
    [("bert", 0, 2), ("distilbert", 0, 2), ("gpt_neo", 0, 0), ("modernbert", 0, 2), ("roberta", 1, 0)],
)
def test_padding_and_filler_are_the_special_tokens_of_the_encoder(
    encoders: Mapping[str, Path], family: str, padding: int, filler: int
) -> None:
    tokenizer = load(encoders[family]).tokenizer
    assert (tokenizer.padding_id, tokenizer.filler_id) == (padding, filler)


def test_the_padding_of_the_configuration_serves_where_the_tokenizer_names_none(bert: Path) -> None:
    (bert / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    change(bert / "config.json", {"pad_token_id": 3})
    assert load(bert).tokenizer.padding_id == 3


def test_a_tokenizer_without_roles_pads_with_the_first_token(bert: Path) -> None:
    (bert / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    change(bert / "config.json", {"pad_token_id": None})
    assert load(bert).tokenizer.padding_id == 0


def test_tokens_are_those_of_tokenizer_json_whatever_the_class_says(bert: Path) -> None:
    change(bert / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    plain = Tokenizer.from_file(str(bert / "tokenizer.json"))
    (tokenized,) = load(bert).tokenizer.tokenize(["The Yellowstone National Park"])
    assert tokenized.ids.tolist() == plain.encode("The Yellowstone National Park").ids


def test_a_folder_without_tokenizer_json_is_read_through_its_class(bert: Path) -> None:
    plain = Tokenizer.from_file(str(bert / "tokenizer.json"))
    tokens = sorted(plain.get_vocab(), key=plain.get_vocab().get)
    (bert / "tokenizer.json").unlink()
    (bert / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    (tokenized,) = load(bert).tokenizer.tokenize(["The park sees visitors"])
    assert tokenized.ids.tolist() == plain.encode("The park sees visitors").ids


@pytest.mark.parametrize("family", ["bert", "distilbert", "gpt_neo", "modernbert", "roberta"])
def test_what_is_written_reads_back_as_the_same_tokens(
    make_model: Callable[..., MultiTaskModel], tmp_path: Path, family: str
) -> None:
    tokenizer = make_model(family).tokenizer
    write_tokenizer(tokenizer, tmp_path)
    texts = ["", "The Yellowstone park", "a [SEP] </s> <|endoftext|> b", "x" * 200, "Zürich 東京"]
    read = AutoTokenizer.from_pretrained(tmp_path)
    ours = [item.ids.tolist() for item in tokenizer.tokenize(texts[1:2] + texts[3:])]
    assert read(texts[1:2] + texts[3:], truncation=True)["input_ids"] == ours
    assert read.model_max_length == tokenizer.max_tokens
    assert read.pad_token_id == tokenizer.padding_id
    assert read.padding_side == "right"


def test_a_special_token_that_somebody_types_is_text(make_model: Callable[..., MultiTaskModel]) -> None:
    tokenizer = make_model("bert").tokenizer
    typed, plain = tokenizer.tokenize(["[SEP] [PAD]", "no"])
    assert typed.ids.tolist().count(3) == plain.ids.tolist().count(3) == 1
    assert 0 not in typed.ids.tolist()
