"""Made-up names keep the shape of real ones and take their letters from the same label."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.data.made_up import NameMaker

PLACES = ("Yellowstone National Park", "São Paulo", "Łódź", "McMurdo", "Route 66", "O'Hare", "東京", "Straße 7b")


def make(names: tuple[str, ...], shape: str, seed: int = 0) -> str:
    return NameMaker(names).make_up(shape, np.random.default_rng(seed))


@pytest.mark.parametrize("shape", PLACES)
def test_capitals_digits_spaces_and_signs_stay_in_place(shape: str) -> None:
    for seed in range(20):
        made = make(PLACES, shape, seed)
        assert len(made) == len(shape)
        for new, old in zip(made, shape, strict=True):
            assert new.isalpha() == old.isalpha()
            assert new.isdecimal() == old.isdecimal()
            if not old.isalpha() and not old.isdecimal():
                assert new == old
            if old.isupper():
                assert not new.islower() or new.upper() != new


def test_letters_follow_each_other_as_in_the_names() -> None:
    pairs = {pair for name in ("banana", "bandana") for pair in itertools.pairwise(name)}
    for seed in range(30):
        made = make(("banana", "bandana"), "banana", seed)
        assert made[0] == "b"
        assert set(itertools.pairwise(made)) <= pairs


def test_frequent_letters_are_drawn_more_often() -> None:
    maker, rng = NameMaker(["ab", "ab", "ab", "ac"]), np.random.default_rng(3)
    drawn = Counter(maker.make_up("xy", rng)[1] for _ in range(2000))
    assert set(drawn) == {"b", "c"}
    assert drawn["b"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_a_letter_that_ends_every_word_is_followed_by_a_first_letter() -> None:
    assert make(("a",), "aaaa") == "aaaa"


def test_made_up_names_are_not_the_real_ones() -> None:
    made = {make(PLACES, "Yellowstone National Park", seed) for seed in range(50)}
    assert len(made) == 50
    assert not made & set(PLACES)


@pytest.mark.parametrize("name", ["2024", "---", "7/11", "😀"])
def test_names_without_letters_are_made_up_too(name: str) -> None:
    made = make((name,), name)
    assert len(made) == len(name)
    assert not any(character.isalpha() for character in made)


@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), seed=st.integers(0, 9))
def test_any_name_can_be_made_up_from_itself(name: str, seed: int) -> None:
    made = make((name,), name, seed)
    assert len(made) == len(name)
    assert [character.isspace() for character in made] == [character.isspace() for character in name]
    made.encode()
