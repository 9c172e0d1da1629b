"""Which texts are the same, and which were decoded wrongly."""

import pytest

from polyhead.data.forms import is_composed, mojibake_in, normal_form

WHOLE = ("It’s “fine” — 5 €", "Ça va, Zoë? À bientôt", "SÃO PAULO", "Â", "Привет", "東京", "🎉", "naïve ÂME", "Ãé")


@pytest.mark.parametrize("text", WHOLE)
def test_whole_texts_hold_no_mojibake(text: str) -> None:
    assert mojibake_in(text) is None


@pytest.mark.parametrize("text", ["café", "São", "It’s", "“a”", "5 €", "Zoë", "naïve", "🎉 yes", "½", "Łódź Ö"])
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_utf8_read_as_another_encoding_is_found(text: str, encoding: str) -> None:
    wrong = text.encode().decode(encoding, "replace")
    if text == "Łódź Ö" and encoding == "latin-1":
        wrong = wrong[2:]
    assert mojibake_in(f"a {wrong} b") is not None


def test_lost_characters_are_found() -> None:
    assert mojibake_in("caf\ufffd") == "\ufffd"


@pytest.mark.parametrize("other", ["a  B", " A b", "a\u00a0b\n", "A\tB"])
def test_case_and_white_space_are_no_difference(other: str) -> None:
    assert normal_form(other) == normal_form("a b")


def test_pairs_differ_from_texts() -> None:
    assert normal_form("a", "b") == normal_form(" A", "B ")
    assert len({normal_form("a", "b"), normal_form("a b"), normal_form("a"), normal_form("b", "a")}) == 4


def test_characters_taken_apart_are_told() -> None:
    assert is_composed("é")
    assert not is_composed("e\u0301")
    assert normal_form("e\u0301") == normal_form("É")
