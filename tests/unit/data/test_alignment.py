"""Spans that cut words in two are found, with and without a tokenizer."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.data.alignment import misaligned_rows, words_of
from polyhead.data.reading import RowsRead
from polyhead.tasks.classification import Classification
from polyhead.text.tokens import TextTokenizer
from polyhead.text.words import code_points, word_starts

Save = Callable[..., str]
Read = Callable[..., RowsRead]


def words_in(text: str) -> list[str]:
    (borders,) = words_of([text])
    return [text[start:end] for start, end in borders]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  ", []),
        ("one two", ["one", "two"]),
        (" one,two! ", ["one", ",", "two", "!"]),
        ("東京", ["東", "京"]),
        ("🇫🇷🇩🇪", ["🇫🇷", "🇩🇪"]),
        ("e\u0301te", ["e\u0301te"]),
    ],
)
def test_words_are_told_by_their_characters(text: str, words: list[str]) -> None:
    assert words_in(text) == words


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=6))
def test_a_text_has_the_same_words_alone_and_beside_others(texts: list[str]) -> None:
    for text, borders in zip(texts, words_of(texts), strict=True):
        begins, space = word_starts(code_points(text)) if text else (np.array([]), np.array([]))
        assert borders[:, 0].tolist() == np.flatnonzero(begins).tolist()
        covered = [place for start, end in borders for place in range(start, end)]
        assert set(np.flatnonzero(~space.astype(bool)).tolist()) <= set(covered)
        assert not any(text[end - 1].isspace() for _, end in borders)


def entity(start: int, end: int) -> dict[str, object]:
    return {"start": start, "end": end, "label": "ORG"}


@pytest.fixture
def found(save: Save, read: Read) -> Callable[..., list[tuple[int, str]]]:
    def find(
        *rows: tuple[str, list[dict[str, object]]], tokenizer: TextTokenizer | None = None
    ) -> list[tuple[int, str]]:
        name = save({"text": "no entities", "topic": "x"}, *({"text": t, "entities": spans} for t, spans in rows))
        return [(row, str(fault)) for row, fault in misaligned_rows(read(name).rows, tokenizer=tokenizer)]

    return find


Find = Callable[..., list[tuple[int, str]]]


@pytest.mark.parametrize("with_tokenizer", [True, False])
def test_a_span_within_words_is_named_with_the_words(
    with_tokenizer: bool,  # noqa: FBT001
    found: Find,
    tokenizer: TextTokenizer,
) -> None:
    rows = [("Fetch Rewards pays", [entity(0, 13)]), ("the Fetching Rewards", [entity(4, 9), entity(13, 20)])]
    assert found(*rows, tokenizer=tokenizer if with_tokenizer else None) == [
        (
            2,
            (
                "rows.jsonl:3: entities: an entity must begin and end where words do. Found 'Fetch' (4-9) within the "
                "words 4-12. Label 4-12, or separate the words."
            ),
        )
    ]


@pytest.mark.parametrize("text", ["U.S.-based firm", "Fetch's", "(Fetch)", "Fetch, Rewards", "東京タワー"])
def test_words_beside_signs_are_aligned(text: str, found: Find) -> None:
    (borders,) = words_of([text])
    spans = [entity(int(start), int(end)) for start, end in borders]
    assert found((text, spans)) == []


def test_every_word_is_aligned_under_every_tokenizer(
    found: Find, text_tokenizer: TextTokenizer, sentences: tuple[str, ...]
) -> None:
    texts = [text for text in sentences if not text_tokenizer.tokenize([text])[0].truncated]
    tokens = text_tokenizer.batch(text_tokenizer.tokenize(texts))
    assert tokens.words is not None
    assert tokens.borders is not None
    rows = [
        (text, [entity(start, end) for start, end in borders[words].tolist()])
        for text, words, borders in zip(texts, tokens.words, tokens.borders, strict=True)
    ]
    assert found(*rows, tokenizer=text_tokenizer) == []
    assert len(rows) > 5


def test_a_span_that_was_cut_off_is_no_fault(found: Find, tokenizer: TextTokenizer) -> None:
    text = "one two three four five six seven eight nine ten"
    spans = [entity(1, 3), entity(40, 43), entity(45, 47)]
    assert [row for row, _ in found((text, spans), tokenizer=tokenizer)] == [1]
    assert len(found((text, spans))) == 3


def test_rows_without_spans_have_no_faults(found: Find) -> None:
    assert found(("", []), ("a b", [])) == []


def test_no_span_task_means_no_faults(save: Save, read: Read) -> None:
    rows = read(save({"text": "a", "topic": "x"}), asked={"topic": Classification()}).rows
    assert list(misaligned_rows(rows)) == []
