"""Words begin at the same places for every tokenizer, and never inside a character."""

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polyhead.text.words import code_points, word_starts

TEXTS = st.text(st.characters(codec=None), max_size=60)


def words_of(text: str) -> list[str]:
    begins, space = word_starts(code_points(text))
    borders = [*np.flatnonzero(begins).tolist(), len(text)]
    visible = "".join("\n" if blank else character for character, blank in zip(text, space, strict=True))
    return [visible[start:end].rstrip("\n") for start, end in pairwise(borders)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("   \t\n", []),
        ("one", ["one"]),
        ("  one  two ", ["one", "two"]),
        ("America's", ["America", "'", "s"]),
        ("re-built", ["re", "-", "built"]),
        ("1,250 pies", ["1", ",", "250", "pies"]),
        ("B2B 4x4", ["B2B", "4x4"]),
        ("wait...", ["wait", ".", ".", "."]),
        ("snake_case", ["snake", "_", "case"]),
        ("São Zoë", ["São", "Zoë"]),
        ("cafe\u0301s", ["cafe\u0301s"]),
        ("Поезд из", ["Поезд", "из"]),
        ("東京で", ["東", "京", "で"]),
        ("Tokyo東京", ["Tokyo", "東", "京"]),
        ("한국어", ["한", "국", "어"]),
        ("दिल्ली गया", ["दिल्ली", "गया"]),
        ("القاهرة", ["القاهرة"]),
        ("शक्ति", ["शक्ति"]),
    ],
)
def test_a_text_falls_into_its_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    "character",
    [
        "e\u0301",
        "a\u0308\u0304",
        "👍🏽",
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "❤️",
        "1️⃣",
        "🇮🇸",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "กำ",
        "ກຳ",
        "か\u3099",
        "ｶﾞ",
        "می\u200cخواهم",
    ],
)
def test_what_a_reader_sees_as_one_is_one_word(character: str) -> None:
    assert words_of(f"a {character} b") == ["a", character, "b"]
    assert words_of(character * 2)[0].startswith(character)


def test_flags_without_a_space_between_them_are_words_of_two() -> None:
    assert words_of("🇮🇸🇳🇴🇩🇰") == ["🇮🇸", "🇳🇴", "🇩🇰"]
    assert words_of("x🇮🇸🇳") == ["x", "🇮🇸", "🇳"]


def test_an_accent_after_a_space_stands_alone() -> None:
    assert words_of("a \u0301b") == ["a", "\u0301", "b"]


def test_a_letter_after_an_accented_letter_goes_on_with_the_word() -> None:
    assert words_of("e\u0301te\u0301") == ["e\u0301te\u0301"]


def test_an_accent_after_punctuation_stays_on_it() -> None:
    assert words_of("-\u0301b") == ["-\u0301", "b"]


@given(TEXTS)
@example("\ud800\udc00")
@example("\x00\x00")
def test_code_points_are_those_of_the_text(text: str) -> None:
    assert code_points(text).tolist() == [ord(character) for character in text]


@given(TEXTS)
@example("\u0301")
@example("a\u200d b")
def test_every_visible_character_belongs_to_exactly_one_word(text: str) -> None:
    assert "".join(words_of(text)) == "".join(character for character in text if not character.isspace())
    assert "" not in words_of(text)


@given(TEXTS)
def test_white_space_is_what_python_says_it_is(text: str) -> None:
    begins, space = word_starts(code_points(text))
    assert space.tolist() == [character.isspace() for character in text]
    assert not (begins & space).any()


@given(TEXTS)
def test_no_word_begins_with_a_mark_unless_nothing_visible_is_before_it(text: str) -> None:
    begins, space = word_starts(code_points(text))
    for place in np.flatnonzero(begins).tolist():
        if unicodedata.category(text[place]).startswith("M"):
            assert place == 0 or space[place - 1]


@given(TEXTS, TEXTS)
def test_what_stands_after_a_space_does_not_change_the_words_before_it(left: str, right: str) -> None:
    assert words_of(f"{left} {right}") == words_of(left) + words_of(right)


def test_a_million_characters_are_quick() -> None:
    begins, _ = word_starts(code_points("spaß und 東京 " * 100_000))
    assert begins.sum() == 400_000
