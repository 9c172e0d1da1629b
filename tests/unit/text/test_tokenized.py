"""Pairs, given tokens and windows of texts."""

import numpy as np
import pytest
from tokenizers import Tokenizer, processors

from polyhead.text.tokens import Passage, TextTokenizer

LONG = " ".join(f"Naxos {number} café" for number in range(40))


@pytest.fixture
def paired(raw_tokenizers: dict[str, str]) -> Tokenizer:
    """A tokenizer that knows pairs."""
    tokenizer = Tokenizer.from_str(raw_tokenizers["wordpiece"])
    numbers = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=numbers
    )
    return tokenizer


def made(tokenizer: Tokenizer, *, max_tokens: int = 24, overlap: float | None = 0.125) -> TextTokenizer:
    return TextTokenizer(tokenizer, max_tokens=max_tokens, padding_id=0, filler_id=2, overlap=overlap)


def test_a_pair_is_encoded_as_the_tokenizer_does_it(paired: Tokenizer) -> None:
    (text,) = made(paired).tokenize([Passage("The river", "froze")])
    assert text.ids.tolist() == paired.encode("The river", "froze").ids


def test_only_the_first_text_of_a_pair_has_words(paired: Tokenizer) -> None:
    tokenizer = made(paired)
    batch = tokenizer.batch(tokenizer.tokenize([Passage("The river", "froze today"), Passage("It", None)]))
    assert batch.words is not None
    assert batch.borders is not None
    assert batch.borders[0, batch.words[0]].tolist() == [[0, 3], [4, 9]]
    assert batch.borders[1, batch.words[1]].tolist() == [[0, 2]]


def test_the_separator_is_the_token_after_which_types_change(paired: Tokenizer, wordpiece: TextTokenizer) -> None:
    assert made(paired).separator_id == paired.token_to_id("[SEP]")
    assert wordpiece.separator_id is None


@pytest.mark.parametrize("words", [True, False])
def test_a_text_within_the_limit_is_the_same_with_and_without_windows(paired: Tokenizer, *, words: bool) -> None:
    texts = ["", "The river froze", Passage("The river", "froze")]
    with_windows = made(paired).tokenize(texts, words=words)
    without = made(paired, overlap=None).tokenize(texts, words=words)
    for one, other in zip(with_windows, without, strict=True):
        assert one.windows is None
        assert not one.truncated
        assert one.ids.tolist() == other.ids.tolist()


@pytest.mark.parametrize("words", [True, False])
def test_the_windows_of_a_long_text_hold_all_of_it(paired: Tokenizer, *, words: bool) -> None:
    (text,) = made(paired).tokenize([LONG], words=words)
    whole = paired.encode(LONG)
    assert text.ids.tolist() == whole.ids
    assert not text.truncated
    assert text.windows is not None
    assert text.read_at_once == 24
    assert len(text) == 24 * text.passes
    places = text.windows.places(len(text.ids))
    assert set(places.ravel().tolist()) == set(range(len(text.ids)))
    assert (text.ids[places][:, 0] == text.ids[0]).all()
    assert (text.ids[places][:, -1] == text.ids[-1]).all()


def test_without_windows_a_long_text_ends_where_the_first_window_does(paired: Tokenizer) -> None:
    (windowed,), (cut_off,) = made(paired).tokenize([LONG]), made(paired, overlap=None).tokenize([LONG])
    assert cut_off.truncated
    assert windowed.windows is not None
    first = windowed.windows.places(len(windowed.ids))[0]
    assert cut_off.ids.tolist() == windowed.ids[first].tolist()


@pytest.mark.parametrize("texts", [(LONG, "The river"), ("The river", LONG)])
def test_of_a_long_pair_the_longer_text_is_read_in_windows(paired: Tokenizer, texts: tuple[str, str]) -> None:
    (text,) = made(paired).tokenize([Passage(*texts)])
    assert not text.truncated
    assert text.windows is not None
    short = paired.encode("The river", add_special_tokens=False).ids
    for row in text.ids[text.windows.places(len(text.ids))]:
        assert len(row) == 24
        assert any(row[i : i + len(short)].tolist() == short for i in range(24))


@pytest.mark.parametrize("overlap", [None, 0.125])
def test_of_two_long_texts_the_shorter_one_is_cut_to_half_a_window(paired: Tokenizer, overlap: float | None) -> None:
    (text,) = made(paired, overlap=overlap).tokenize([Passage(LONG, LONG + LONG)])
    assert text.truncated
    assert text.read_at_once == 24


def test_some_windows_of_a_text_are_kept_as_if_there_were_no_others(paired: Tokenizer) -> None:
    tokenizer = made(paired)
    (text,) = tokenizer.tokenize([LONG])
    kept = text.kept(1, 3)
    assert kept.passes == 2
    assert kept.truncated
    assert text.windows is not None
    assert kept.windows is not None
    rows = text.ids[text.windows.places(len(text.ids))][1:3]
    assert np.array_equal(kept.ids[kept.windows.places(len(kept.ids))], rows)
    batch = tokenizer.batch([kept])
    assert batch.words is not None
    assert batch.borders is not None
    assert [LONG[start:end] for start, end in batch.borders[0, batch.words[0]]][3] in LONG


def test_given_tokens_find_their_subwords(paired: Tokenizer) -> None:
    text = "don't re-built"
    borders = np.array([[0, 2], [2, 5], [6, 14]])
    tokenizer = made(paired)
    (read,) = tokenizer.tokenize([Passage(text, tokens=borders)])
    batch = tokenizer.batch([read])
    found, first, last = batch.units(0)
    assert found.tolist() == borders.tolist()
    assert batch.tokens is not None
    for (start, end), begin, after in zip(borders, first, last, strict=True):
        assert batch.tokens[0, begin, 1] > start
        assert batch.tokens[0, after - 1, 0] < end
    assert last[2] == len(read.ids) - 1


def test_words_stand_for_given_tokens_where_none_came(paired: Tokenizer) -> None:
    tokenizer = made(paired)
    batch = tokenizer.batch(tokenizer.tokenize(["The river froze", ""]))
    borders, first, last = batch.units(0)
    assert borders.tolist() == [[0, 3], [4, 9], [10, 15]]
    assert (last > first).all()
    assert [len(of) for of in batch.units(1)] == [0, 0, 0]


def test_a_batch_without_words_has_no_units(paired: Tokenizer) -> None:
    tokenizer = made(paired)
    with pytest.raises(ValueError, match="words=True"):
        tokenizer.batch(tokenizer.tokenize(["x"], words=False)).units(0)
