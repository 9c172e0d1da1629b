"""Tags of every scheme say the same spans, and spans become tags that say them again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.data.formats.tags import are_chunk_tags, is_chunk_tag, runs_of, spans_of_tags, tags_of_spans
from polyhead.text.given_tokens import joined

# scheme -> tags of the same two neighbouring places, a person and an outside word
SAME = {
    "IOB1": ["I-LOC", "I-LOC", "B-LOC", "O", "I-PER"],
    "IOB2": ["B-LOC", "I-LOC", "B-LOC", "O", "B-PER"],
    "BIOES": ["B-LOC", "E-LOC", "S-LOC", "O", "S-PER"],
    "BILOU": ["B-LOC", "L-LOC", "U-LOC", "O", "U-PER"],
    "BMEWO": ["B-LOC", "E-LOC", "W-LOC", "O", "W-PER"],
}
RUNS = [(0, 2, "LOC"), (2, 3, "LOC"), (4, 5, "PER")]


@pytest.mark.parametrize("scheme", SAME)
def test_every_scheme_says_the_same_spans(scheme: str) -> None:
    assert runs_of(SAME[scheme]) == RUNS


@pytest.mark.parametrize(
    ("tags", "runs"),
    [
        ([], []),
        (["O", "O"], []),
        (["I-A", "I-B"], [(0, 1, "A"), (1, 2, "B")]),
        (["B-A", "M-A", "E-A", "E-A"], [(0, 3, "A"), (3, 4, "A")]),
        (["S-A", "I-A"], [(0, 1, "A"), (1, 2, "A")]),
        (["B-A", "O", "I-A"], [(0, 1, "A"), (2, 3, "A")]),
        (["B-music-item", "I-music-item"], [(0, 2, "music-item")]),
    ],
)
def test_tags_that_no_scheme_allows_are_read_as_the_scorers_read_them(tags: list[str], runs: object) -> None:
    assert runs_of(tags) == runs


@pytest.mark.parametrize(("tag", "chunk"), [("O", True), ("B-X", True), ("I_X", True), ("NN", False), ("B-", False)])
def test_a_chunk_tag_says_where_a_span_is(tag: str, chunk: bool) -> None:  # noqa: FBT001
    assert is_chunk_tag(tag) is chunk


@pytest.mark.parametrize("value", [[], "O", None, ["O", 1], ["NN", "O"]])
def test_other_values_are_no_chunk_tags(value: object) -> None:
    assert not are_chunk_tags(value)


def test_spans_have_exact_characters() -> None:
    text, borders = joined(["New", "York", "x", "is", "Ada"])
    assert spans_of_tags(SAME["IOB2"], borders, text)[0] == {"start": 0, "end": 8, "label": "LOC", "text": "New York"}
    assert all(text[span["start"] : span["end"]] == span["text"] for span in spans_of_tags(SAME["IOB2"], borders, text))


@pytest.mark.parametrize(
    "spans",
    [
        [{"start": 0, "end": 2, "label": "X"}],
        [{"start": 3, "end": 4, "label": "X"}],
        [{"start": 0, "end": 8, "label": "X"}, {"start": 4, "end": 8, "label": "Y"}],
    ],
)
def test_spans_that_cut_tokens_or_overlap_have_no_tags(spans: list[dict[str, object]]) -> None:
    assert tags_of_spans(spans, joined(["New", "York"])[1]) is None


@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-B"]), min_size=1, max_size=12))
def test_tags_become_spans_and_tags_again(tags: list[str]) -> None:
    text, borders = joined([f"w{number}" for number in range(len(tags))])
    spans = spans_of_tags(tags, borders, text)
    again = tags_of_spans(spans, borders)
    assert again is not None
    assert runs_of(again) == runs_of(tags)
