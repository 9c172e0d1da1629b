"""Made-up names keep the shape of real ones and are spelled as names of the same label are."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.data.made_up import LONGEST, ORDER, NameMaker

PLACES = ("Yellowstone National Park", "São Paulo", "Łódź", "McMurdo", "Route 66", "O'Hare", "NATO 7b")
TOWNS = ("Northampton", "Southampton", "Southfield", "Northfield", "Chester", "Winchester", "Hampstead", "Ham", "Felde")


def draw(names: tuple[str, ...], shape: str, *, count: int = 30) -> list[str]:
    maker, rng = NameMaker(names), np.random.default_rng(3)
    return [maker.make_up(shape, rng) for _ in range(count)]


@pytest.mark.parametrize(
    ("shape", "pattern"),
    [
        ("Route 66", r"[A-ZŁÓ]\w* \d\d"),
        ("O'Hare", r"[A-ZŁÓ]\w*'[A-ZŁÓ]\w*"),
        ("new YORK", r"[a-złó]\w* [A-ZŁÓÃŹ]+"),
        ("  a - b. ", r"  [^\W\d]+ - [^\W\d]+\. "),
    ],
)
def test_capitals_digits_spaces_and_signs_stay(shape: str, pattern: str) -> None:
    for made in draw((*PLACES, shape), shape):
        assert re.fullmatch(pattern, made), made


def test_every_stretch_of_letters_is_one_of_real_names_with_their_ends() -> None:
    def stretches(name: str) -> set[str]:
        framed = f"<{name.lower()}>"
        return {framed[place : place + ORDER + 1] for place in range(len(framed) - ORDER)}

    known = set.union(*map(stretches, TOWNS))
    whole = {made for made in draw(TOWNS, "London", count=200) if len(made) < LONGEST}
    assert all(stretches(made) <= known for made in whole)
    assert whole > {"Northfield", "Southampton", "Winchester"}
    assert len(whole - set(TOWNS)) > 1


def test_frequent_letters_are_drawn_more_often() -> None:
    drawn = Counter(draw(("ab", "ab", "ab", "ac"), "xy", count=2000))
    assert set(drawn) == {"ab", "ac"}
    assert drawn["ab"] / 2000 == pytest.approx(0.75, abs=0.03)


def test_words_that_never_end_are_cut() -> None:
    (made,) = draw(("a" * 1000,), "x", count=1)
    assert made == "a" * LONGEST


def test_the_same_draws_give_the_same_names() -> None:
    assert draw(PLACES, "Some Place") == draw(PLACES, "Some Place")


@pytest.mark.parametrize("name", ["2024", "---", "7/11", "😀"])
def test_names_without_letters_are_made_up_too(name: str) -> None:
    for made in draw((name,), name):
        assert len(made) == len(name)
        assert not any(character.isalpha() for character in made)


def test_marks_belong_to_the_letters_before_them() -> None:
    for made in draw(("दिल्ली",), "दिल्ली"):
        assert made[0] == "द"
        assert "दि" in made


@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=20), seed=st.integers(0, 9))
def test_any_name_can_be_made_up_from_itself(name: str, seed: int) -> None:
    made = NameMaker([name]).make_up(name, np.random.default_rng(seed))
    assert len(made.split()) == len(name.split())
    made.encode()
