"""Tokens never fail on a text, and words come back as exact code points."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from polyhead.errors import FolderError
from polyhead.text.tokens import Passage, TextTokenizer, TokenBatch
from polyhead.text.words import code_points, word_starts

SHARED = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = (
    "Zoë", "e\u0301", "a\u0308\u0304", "👩‍👩‍👧‍👦", "👍🏽", "🇮🇸🇳🇴", "❤️", "ﬁ", "ß", "İ", "Ⅷ", "½",
    "東京", "か\u3099", "กำ", "दिल्ली", "القاهرة", "שָׁלוֹם", "\u200f", "\u202e", "\u200b", "\ufeff",
    "\x00", "\x1b", "\ud800", "\udfff", "\U0010ffff", "\u3000", "\xa0", "\u00ad", " ", "  ", "\n",
    "[CLS]", "[PAD]", "<|endoftext|>", "##ing", "▁", "Ġ", "don't", "re-built", "1,250", "...", "word",
)  # fmt: skip
ANYTHING = st.text(st.characters(codec=None), max_size=8)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), ANYTHING), max_size=12).map("".join)


def words_of(batch: TokenBatch, row: int) -> list[tuple[int, int]]:
    assert batch.words is not None
    assert batch.borders is not None
    return [tuple(border) for border in batch.borders[row, batch.words[row]].tolist()]


def batch_of(tokenizer: TextTokenizer, *texts: str) -> TokenBatch:
    return tokenizer.batch(tokenizer.tokenize(texts))


def without_vocabulary(*, max_tokens: int = 8) -> TextTokenizer:
    """Make a tokenizer that drops every letter it does not know: all but a, b and the space."""
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return TextTokenizer(tokenizer, max_tokens=max_tokens, padding_id=0, filler_id=1)


@SHARED
@given(text=TEXTS)
@example(text="")
@example(text="\ud800 lone")
@example(text="cafe\u0301 \u0301x")
def test_words_of_any_text_are_visible_in_order_and_apart(text_tokenizer: TextTokenizer, text: str) -> None:
    words = words_of(batch_of(text_tokenizer, text), 0)
    end_before = 0
    for start, end in words:
        assert end_before <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        end_before = end


@SHARED
@given(text=TEXTS)
@example(text="e\u0301te\u0301 a\u0308\u0304!")
@example(text="रहे 🏟️ กำ")
def test_no_word_is_cut_inside_a_character(text_tokenizer: TextTokenizer, text: str) -> None:
    begins, space = word_starts(code_points(text))
    for start, end in words_of(batch_of(text_tokenizer, text), 0):
        assert begins[start]
        assert end == len(text) or begins[end] or space[end]


@SHARED
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_a_text_has_the_same_tokens_and_words_in_any_company(text_tokenizer: TextTokenizer, texts: list[str]) -> None:
    together = batch_of(text_tokenizer, *texts)
    for row, text in enumerate(texts):
        alone = batch_of(text_tokenizer, text)
        assert together.ids[row, together.mask[row]].tolist() == alone.ids[0].tolist()
        assert words_of(together, row) == words_of(alone, 0)
        assert together.truncated[row] == alone.truncated[0]


@SHARED
@given(text=TEXTS)
def test_leaving_words_out_changes_no_token(text_tokenizer: TextTokenizer, text: str) -> None:
    (with_words,), (without,) = text_tokenizer.tokenize([text]), text_tokenizer.tokenize([text], words=False)
    assert with_words.ids.tolist() == without.ids.tolist()
    assert with_words.truncated == without.truncated
    assert without.starts is None
    assert text_tokenizer.batch([without]).words is None


def test_plain_words_are_found_by_every_tokenizer(text_tokenizer: TextTokenizer, sentences: tuple[str, ...]) -> None:
    text = sentences[0]
    found = [text[start:end] for start, end in words_of(batch_of(text_tokenizer, text), 0)]
    assert found == ["The", "Yellowstone", "National", "Park", "sees", "over", "four", "million", "visitors", "."]


def test_an_accent_that_the_tokenizer_strips_stays_in_its_word(text_tokenizer: TextTokenizer) -> None:
    text = "cafe\u0301s in Zu\u0308rich and re\u0301"
    found = [text[start:end] for start, end in words_of(batch_of(text_tokenizer, text), 0)]
    assert found == ["cafe\u0301s", "in", "Zu\u0308rich", "and", "re\u0301"]


def test_letters_that_the_tokenizer_drops_stay_in_their_word() -> None:
    assert words_of(batch_of(without_vocabulary(), "ab xab bxa xx a"), 0) == [(0, 2), (3, 6), (7, 10), (14, 15)]


def test_the_first_token_of_a_word_bears_its_borders(wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, "Yellowstone")
    assert batch.words is not None
    assert batch.words.sum() == 1
    assert batch.words[0].argmax() == 1
    assert words_of(batch, 0) == [(0, 11)]


def test_special_tokens_and_padding_are_no_words(wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, "one two three four", "one")
    assert batch.words is not None
    assert not (batch.words & ~batch.mask).any()
    assert not batch.words[:, 0].any()
    assert not batch.words[np.arange(2), batch.mask.sum(axis=1) - 1].any()


def test_padding_is_on_the_right_and_holds_the_padding_id(raw_tokenizers: dict[str, str]) -> None:
    tokenizer = TextTokenizer(
        Tokenizer.from_str(raw_tokenizers["byte_level"]), max_tokens=64, padding_id=5, filler_id=0
    )
    batch = batch_of(tokenizer, "one two three", "one")
    length = batch.mask[1].sum()
    assert batch.mask[1].tolist() == [True] * length + [False] * (batch.mask.shape[1] - length)
    assert (batch.ids[1, length:] == 5).all()


def test_a_text_without_tokens_is_filled_and_has_no_word(raw_tokenizers: dict[str, str]) -> None:
    tokenizer = TextTokenizer(
        Tokenizer.from_str(raw_tokenizers["byte_level"]), max_tokens=64, padding_id=5, filler_id=0
    )
    batch = batch_of(tokenizer, "")
    assert batch.ids.tolist() == [[0]]
    assert batch.mask.tolist() == [[True]]
    assert words_of(batch, 0) == []


def test_white_space_alone_has_no_word(text_tokenizer: TextTokenizer) -> None:
    assert words_of(batch_of(text_tokenizer, " \n\u3000 "), 0) == []


def test_no_texts_make_an_empty_batch(wordpiece: TextTokenizer) -> None:
    batch = wordpiece.batch(wordpiece.tokenize([]))
    assert batch.texts == ()
    assert batch.ids.shape == batch.mask.shape == (0, 0)
    assert batch.truncated.dtype == bool


def test_a_long_text_is_cut_and_says_so(text_tokenizer: TextTokenizer) -> None:
    long, short = text_tokenizer.tokenize(["never ending " * 100, "short"])
    assert (len(long), long.truncated) == (64, True)
    assert not short.truncated


def test_a_text_of_exactly_the_limit_is_not_cut() -> None:
    tokenizer = without_vocabulary(max_tokens=4)
    assert [item.truncated for item in tokenizer.tokenize(["abab", "ababa"])] == [False, True]


@pytest.mark.parametrize("text", ["[CLS] [PAD]", "<|endoftext|>", "[UNK]"])
def test_text_that_spells_a_special_token_stays_text(text_tokenizer: TextTokenizer, text: str) -> None:
    (tokenized,) = text_tokenizer.tokenize([text])
    assert tokenized.starts is not None
    assert (tokenized.starts >= 0).sum() > 1
    assert words_of(text_tokenizer.batch([tokenized]), 0)[0][0] == 0


def test_lone_surrogates_are_read_as_unknown_and_kept_in_the_text(text_tokenizer: TextTokenizer) -> None:
    text = "a \ud83d b"
    batch = batch_of(text_tokenizer, text)
    assert batch.texts == (text,)
    assert (0, 1) in words_of(batch, 0)
    assert (4, 5) in words_of(batch, 0)


def test_the_same_tokenizer_is_read_from_a_folder(wordpiece: TextTokenizer, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(wordpiece.to_json(), encoding="utf-8")
    again = TextTokenizer.from_folder(tmp_path, max_tokens=64, padding_id=0, filler_id=2)
    text = "Søren opened a café"
    assert again.tokenize([text])[0].ids.tolist() == wordpiece.tokenize([text])[0].ids.tolist()
    assert again.vocabulary_size == wordpiece.vocabulary_size


def test_the_written_tokenizer_neither_cuts_nor_pads(wordpiece: TextTokenizer) -> None:
    state = json.loads(wordpiece.to_json())
    assert state["truncation"] is None
    assert state["padding"] is None


@pytest.mark.parametrize("content", [None, "", "{}", "not json", '{"model": 3}'])
def test_a_folder_without_a_readable_tokenizer_is_refused_by_name(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(FolderError, match=r"tokenizer\.json must be a tokenizer"):
        TextTokenizer.from_folder(tmp_path, max_tokens=8, padding_id=0, filler_id=0)


def test_a_million_characters_are_read_in_bounded_time(wordpiece: TextTokenizer) -> None:
    (tokenized,) = wordpiece.tokenize(["word " * 20_000 + "x" * 100_000])
    assert tokenized.truncated
    assert len(words_of(wordpiece.batch([tokenized]), 0)) <= 62


def test_a_pair_of_nothing_is_read_where_the_tokenizer_adds_nothing() -> None:
    plain = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = TextTokenizer(plain, max_tokens=8, padding_id=0, filler_id=0)
    (nothing,) = tokenizer.tokenize([Passage("", "")])
    assert nothing.ids.tolist() == [0]
    assert nothing.starts is not None
    assert nothing.starts.tolist() == [-1]
