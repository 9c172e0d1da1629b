"""Inline markup: what is labelled stands in brackets, and every other text can be written too."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyhead.data.formats.base import DataFile, Losses
from polyhead.data.formats.markup import read_markup, write_markup

Parse = Callable[..., Any]
Write = Callable[..., Any]


def span(start: int, end: int, label: str, text: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label, "text": text}


@pytest.mark.parametrize(
    ("line", "text", "spans"),
    [
        ("[Paris](LOC) is nice.", "Paris is nice.", [span(0, 5, "LOC", "Paris")]),
        ("a [b c](X)[d](Y z)", "a b cd", [span(2, 5, "X", "b c"), span(5, 6, "Y z", "d")]),
        ("an [aside] (here)", "an [aside] (here)", []),
        ("[] () [x]() [ ](", "[] () [x]() [ ](", []),
        (r"\[Paris\](LOC)", "[Paris](LOC)", []),
        (r"[a\]b](X) c:\\d \n", r"a]b c:\d \n", [span(0, 3, "X", "a]b")]),
        ("[São Paulo](LOC) 🎉", "São Paulo 🎉", [span(0, 9, "LOC", "São Paulo")]),
    ],
)
def test_lines_become_texts_and_spans(line: str, text: str, spans: list[Any], parse: Parse) -> None:
    assert parse("markup", f"\n{line}\n")[0] == [(2, {"text": text, "entities": spans})]


@given(text=st.text(alphabet="ab[]()\\ é", min_size=1, max_size=12), start=st.integers(0, 11), end=st.integers(1, 12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_can_be_written(text: str, start: int, end: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not text.strip():
        return
    spans = [span(start, end, "X", text[start:end])] if start < end <= len(text) else []
    path = tmp_path_factory.mktemp("markup") / "rows.md"
    write_markup([{"text": text, "entities": spans}], path, Losses())
    ((_, record),) = read_markup(DataFile(path=path, name="rows"), [])
    assert record == {"text": text, "entities": spans}


def test_what_markup_cannot_hold_is_told(parse: Parse, write: Write) -> None:
    rows = [
        {"text": "a\nb", "topic": "x", "places": [span(0, 1, "X", "a")]},
        {"text": "ab", "places": [span(0, 2, "X", "ab"), span(1, 2, "Y", "b"), span(0, 1, "Y(", "a")]},
        {"text": " ", "more": [span(0, 1, "X", " ")]},
    ]
    path, losses = write("markup", rows)
    assert losses == {
        "topic: there is no place for it": 1,
        "places: read back as 'entities'": 2,
        "more: there is no place for it": 1,
        "line ends within a text become spaces": 1,
        "a span that overlaps another, or a label with brackets": 2,
        "a row without spans is read back as one without entities": 1,
        "an empty text has no line": 1,
    }
    assert [record["text"] for _, record in parse("markup", path)[0]] == ["a b", "ab"]
