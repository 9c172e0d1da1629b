"""What Prodigy writes with `db-out`, and what `db-in` takes."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

Parse = Callable[..., Any]
Write = Callable[..., Any]
SPAN = {"start": 0, "end": 3, "label": "PER"}


def lines(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def token(text: str, start: int, number: int) -> dict[str, Any]:
    return {"text": text, "start": start, "end": start + len(text), "id": number, "ws": True}


def read_back(parse: Parse, path: Path) -> list[Any]:
    return [record.get("label") for _, record in parse("prodigy", path)[0]]


def test_accepted_spans_and_tokens_are_read(parse: Parse) -> None:
    tokens = [token("Ada", 0, 0), token("\n", 3, 1), token("ran", 4, 2)]
    row = {"text": "Ada\nran", "tokens": tokens, "spans": [{**SPAN, "token_start": 0, "token_end": 0}]}
    ((line, record),) = parse("prodigy", lines({**row, "answer": "accept", "_input_hash": 1, "_task_hash": 2}))[0]
    assert line == 1
    assert record == {"text": "Ada\nran", "tokens": ["Ada", "ran"], "entities": [SPAN]}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"label": "good", "answer": "accept"}, {"label": "good"}),
        ({"label": "good", "answer": "reject"}, {"labels": {"yes": [], "no": ["good"]}}),
        ({"accept": ["a", "b"], "options": [{"id": "a"}], "answer": "accept"}, {"label": ["a", "b"]}),
        ({"spans": [SPAN], "answer": "reject"}, {}),
        ({"spans": [SPAN]}, {"entities": [SPAN]}),
        ({"spans": ["x"]}, {"entities": ["x"]}),
        ({"meta": {"source": "web"}, "topic": "x"}, {"topic": "x"}),
    ],
)
def test_answers_say_what_counts(row: dict[str, Any], expected: dict[str, Any], parse: Parse) -> None:
    assert parse("prodigy", lines({"text": "Ada", **row}))[0] == [(1, {"text": "Ada", **expected})]


def test_what_was_ignored_is_left_out(parse: Parse) -> None:
    assert parse("prodigy", lines({"text": "Ada", "label": "x", "answer": "ignore"}))[0] == []


def test_binary_answers_may_be_asked_for_as_a_list(parse: Parse) -> None:
    row = lines({"text": "Ada", "label": "x", "spans": [SPAN]})
    ((_, record),) = parse("prodigy", row, wanted=frozenset({"labels", "spans"}))[0]
    assert (record["labels"], record["spans"]) == ({"yes": ["x"], "no": []}, [SPAN])


def test_what_is_written_is_read_again(parse: Parse, write: Write) -> None:
    rows = [
        {"text": "Ada ran", "tokens": ["Ada", "ran"], "entities": [SPAN], "label": ["x"], "score": 1, "text_pair": "b"},
        {"text": "none", "entities": []},
    ]
    path, losses = write("prodigy", rows)
    assert not losses
    assert read_back(parse, path) == [["x"], None]
    first, second = (record for _, record in parse("prodigy", path)[0])
    assert first["entities"] == [SPAN]
    assert (first["tokens"], first["score"], first["text_pair"]) == (["Ada", "ran"], 1, "b")
    assert second == rows[1]


def test_a_text_without_any_of_the_labels_is_one_that_accepts_none(parse: Parse, write: Write) -> None:
    rows = [{"text": "a", "label": ["x", "y"]}, {"text": "b", "label": []}, {"text": "c"}]
    path, losses = write("prodigy", rows)
    assert not losses
    assert read_back(parse, path) == [["x", "y"], [], None]


def test_a_label_of_the_text_is_an_accepted_option(parse: Parse, write: Write) -> None:
    path, losses = write("prodigy", [{"text": "a", "topic": "x", "_note": 1, "meta": {}}])
    assert losses == {
        "topic: read back as 'label'": 1,
        "_note: the name means something else there": 1,
        "meta: the name means something else there": 1,
    }
    assert parse("prodigy", path)[0] == [(1, {"text": "a", "label": ["x"]})]


def test_what_is_no_answer_is_left_for_the_task_to_refuse(parse: Parse) -> None:
    content = '{"text": "a", "answer": "accept", "spans": 5}\n{"text": "b", "_input_hash": 1, "accept": 6}\n'
    first, second = (record for _, record in parse("prodigy", content + '{"text": "c", "label": 7}\n')[0][:2])
    assert (first["entities"], second["label"]) == (5, 6)
