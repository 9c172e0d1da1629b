"""Tags of every scheme as chunks."""

import pytest

from polyhead.decoding.schemes import chunks, is_scheme

GOLD = [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]


@pytest.mark.parametrize(
    "tags",
    [
        "B-A I-A B-A O B-B",
        "I-A I-A B-A O I-B",
        "B-A E-A S-A O S-B",
        "B-A L-A U-A O U-B",
        "I-A E-A E-A O E-B",
    ],
    ids=["IOB2", "IOB1", "IOBES", "BILOU", "IOE"],
)
def test_every_scheme_says_the_same_chunks(tags: str) -> None:
    assert chunks(tags.split()) == GOLD
    assert is_scheme(tags.split())


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("O I-A I-B", [(1, 2, "A"), (2, 3, "B")]),
        ("E-A I-A", [(0, 1, "A"), (1, 2, "A")]),
        ("B-A O-A", [(0, 1, "A")]),
        ("", []),
        ("O O", []),
    ],
)
def test_tags_that_do_not_fit_together_make_what_they_can(tags: str, expected: list[tuple[int, int, str]]) -> None:
    assert chunks(tags.split()) == expected


@pytest.mark.parametrize("tags", [["NN", "VB"], ["O"], [], ["B-A", "NN"], ["B-"]])
def test_other_tags_are_no_scheme(tags: list[str]) -> None:
    assert not is_scheme(tags)
