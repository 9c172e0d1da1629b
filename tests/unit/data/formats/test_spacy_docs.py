"""spaCy's own files, with spaCy on the other end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.formats import spacy_docs
from polyhead.errors import DataError, MissingExtraError

Parse = Callable[..., Any]
Write = Callable[..., Any]


@pytest.fixture
def spacy() -> Any:  # noqa: ANN401
    return pytest.importorskip("spacy")


@pytest.fixture
def saved(spacy: Any, tmp_path: Path) -> Path:  # noqa: ANN401
    language = spacy.blank("en")
    document = language("Ada Quill isn't here.\n")
    document.ents = [document.char_span(0, 9, label="PER")]
    document.spans["places"] = [document.char_span(16, 20, label="WHERE")]
    for token in document:
        token.pos_ = "SPACE" if token.is_space else "NOUN"
    document.cats = {"sports": 1.0, "world": 0.0}
    spacy.tokens.DocBin(docs=[document, language("not annotated")]).to_disk(tmp_path / "docs.spacy")
    return tmp_path / "docs.spacy"


def test_documents_are_read_with_all_that_they_know(parse: Parse, saved: Path) -> None:
    ((one, first), (two, second)) = parse("spacy", saved)[0]
    assert (one, two) == (1, 2)
    assert first == {
        "text": "Ada Quill isn't here.\n",
        "tokens": ["Ada", "Quill", "is", "n't", "here", "."],
        "entities": [{"start": 0, "end": 9, "label": "PER"}],
        "places": [{"start": 16, "end": 20, "label": "WHERE"}],
        "pos": ["NOUN"] * 6,
        "labels": {"yes": ["sports"], "no": ["world"]},
        "label": "sports",
    }
    assert second == {"text": "not annotated", "tokens": ["not", "annotated"]}


ROWS = [
    {"text": "Ada  Quill sang.", "entities": [{"start": 0, "end": 3, "label": "PER"}], "label": "news"},
    {"tokens": ["It", "rains"], "entities": [], "pos": ["PRON", "VERB"]},
]


def test_what_is_written_opens_with_spacy(spacy: Any, write: Write) -> None:  # noqa: ANN401
    path, losses = write("spacy", ROWS)
    assert not losses
    first, second = spacy.tokens.DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab)
    assert first.text == "Ada  Quill sang."
    assert [(entity.text, entity.label_) for entity in first.ents] == [("Ada", "PER")]
    assert first.cats == {"news": 1.0}
    assert [token.pos_ for token in second] == ["PRON", "VERB"]


def test_what_is_written_is_read_again(spacy: Any, write: Write, parse: Parse) -> None:  # noqa: ANN401, ARG001
    first, second = (record for _, record in parse("spacy", write("spacy", ROWS)[0])[0])
    assert {name: first[name] for name in ROWS[0]} == ROWS[0]
    assert {name: second[name] for name in ROWS[1]} == ROWS[1]


def test_what_spacy_cannot_hold_is_told(spacy: Any, write: Write) -> None:  # noqa: ANN401, ARG001
    cut = [{"start": 0, "end": 2, "label": "X"}]
    row = {"text": "Ada", "spans": cut, "score": 3, "text_pair": "b", "topic": "x", "more": "y"}
    assert write("spacy", [row])[1] == {
        "spans: a span that cuts a token in two": 1,
        "spans: read back as 'entities'": 1,
        "text_pair: there is no place for it": 1,
        "score: there is no place for it": 1,
        "topic: read back as 'label'": 1,
        "more: there is no place for it": 1,
    }


def test_labels_are_categories_with_a_yes_or_no_for_each(spacy: Any, write: Write, parse: Parse) -> None:  # noqa: ANN401, ARG001
    rows = [
        {"text": "a", "tags": ["x", "y"]},
        {"text": "b", "tags": []},
        {"text": "c", "tags": {"yes": ["y"], "no": []}},
    ]
    path, losses = write("spacy", rows)
    assert losses == {"tags: read back as 'labels'": 3}
    assert [record["labels"] for _, record in parse("spacy", path)[0]] == [
        {"yes": ["x", "y"], "no": []},
        {"yes": [], "no": ["x", "y"]},
        {"yes": ["y"], "no": []},
    ]


def test_tags_that_are_no_universal_parts_of_speech_go_to_tag(spacy: Any, write: Write, parse: Parse) -> None:  # noqa: ANN401, ARG001
    path, losses = write("spacy", [{"tokens": ["It", "rains"], "pos": ["PRON", "VBZ"]}])
    assert losses == {"pos: read back as 'tag'": 1}
    ((_, record),) = parse("spacy", path)[0]
    assert record == {"text": "It rains", "tokens": ["It", "rains"], "tag": ["PRON", "VBZ"]}


def test_an_empty_text_is_not_annotated(spacy: Any, write: Write, parse: Parse) -> None:  # noqa: ANN401, ARG001
    path, losses = write("spacy", [{"text": "", "entities": []}, {"text": "", "label": "x"}])
    assert losses == {"entities: an empty text is read back as not annotated": 1}
    first, second = (record for _, record in parse("spacy", path)[0])
    assert first == {"text": "", "tokens": []} | {key: first[key] for key in first.keys() & {"labels"}}
    assert second["label"] == "x"


def test_another_file_is_refused(spacy: Any, parse: Parse) -> None:  # noqa: ANN401, ARG001
    with pytest.raises(DataError, match="must be a spaCy DocBin"):
        parse("spacy", b"no such thing")


def test_without_spacy_the_line_that_installs_it_is_told(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spacy_docs, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"needs spacy. Install it with `pip install .polyhead\[spacy\]"):
        parse("spacy", tmp_path)
