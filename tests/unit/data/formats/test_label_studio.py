"""Exports of Label Studio, full and short."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from polyhead.data.formats.base import Choices

Parse = Callable[..., Any]
Write = Callable[..., Any]


def result(kind: str, name: str, **value: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": "x", "from_name": name, "to_name": "text", "type": kind, "value": value}


def task(text: str, *results: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": 1, "data": {"text": text}, "annotations": [{"id": 1, "result": list(results), **more}]}


FULL = [
    task(
        "Ada lives in Leeds",
        result("labels", "entities", start=0, end=3, text="Ada", labels=["PER"]),
        result("labels", "entities", start=13, end=18, text="Leeds", labels=["LOC", "CITY"]),
        result("choices", "topic", choices=["news"]),
        result("choices", "emotions", choices=["joy", "awe"]),
        result("rating", "quality", rating=4),
        result("number", "score", number=2.5),
        result("textarea", "note", text=["…"]),
    ),
    {"id": 2, "data": {"text": "not annotated"}, "annotations": []},
    task("cancelled", result("choices", "topic", choices=["a"]), was_cancelled=True),
]


def test_results_become_columns_of_their_controls(parse: Parse) -> None:
    records, faults = parse("label-studio", json.dumps(FULL, indent=2))
    assert not faults
    first = records[0][1]
    assert first["entities"] == [
        {"start": 0, "end": 3, "label": "PER", "text": "Ada"},
        {"start": 13, "end": 18, "label": "LOC", "text": "Leeds"},
        {"start": 13, "end": 18, "label": "CITY", "text": "Leeds"},
    ]
    assert (first["topic"], first["emotions"]) == (["news"], ["joy", "awe"])
    assert isinstance(first["topic"], Choices)
    assert (first["quality"], first["score"]) == (4, 2.5)
    assert [record for _, record in records[1:]] == [{"text": "not annotated"}, {"text": "cancelled"}]
    assert records[0][0] == 2


def test_the_short_export_is_read_alike(parse: Parse) -> None:
    short = [
        {
            "id": 7,
            "text": "Ada",
            "annotator": 1,
            "lead_time": 2.5,
            "entities": [{"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}],
            "topic": "news",
            "emotions": {"choices": ["joy", "awe"]},
        }
    ]
    assert parse("label-studio", json.dumps(short))[0] == [
        (
            1,
            {
                "text": "Ada",
                "entities": [{"start": 0, "end": 3, "label": "PER", "text": "Ada"}],
                "topic": "news",
                "emotions": ["joy", "awe"],
            },
        )
    ]


def test_a_text_annotated_twice_or_drawn_upon_is_a_fault(parse: Parse) -> None:
    twice = task("a")
    twice["annotations"] *= 2
    records, faults = parse("label-studio", json.dumps([twice, task("b", result("brush", "mask", rle=[1]))]))
    assert records == []
    assert faults == [
        "rows:1: a text must be annotated once; choose one annotation in Label Studio before exporting. Found 2.",
        "rows:1: mask: a result must be of labels, choices, a rating or a number. Found ['rle'].",
    ]


def test_what_is_written_is_read_again(parse: Parse, write: Write) -> None:
    rows = [
        {
            "text": "Ada",
            "entities": [{"start": 0, "end": 3, "label": "PER", "text": "Ada"}],
            "topic": "x",
            "score": 1.5,
        },
        {"text": "none", "entities": []},
        {"tokens": ["a", "b"], "pos": ["X", "Y"], "text_pair": "c"},
    ]
    path, losses = write("label-studio", rows)
    assert not losses
    first, second, third = (record for _, record in parse("label-studio", path)[0])
    assert first == {**rows[0], "topic": ["x"]}
    assert second == rows[1]
    assert third == {**rows[2], "text": "a b"}
    document = json.loads(path.read_text())
    assert document[0]["annotations"][0]["result"][0]["value"] == {
        "start": 0,
        "end": 3,
        "label": "PER",
        "text": "Ada",
        "labels": ["PER"],
    }


WHOLE = {"start": 0, "end": 1}


@pytest.mark.parametrize(
    "item",
    [
        {"data": {"text": "a"}, "annotations": "x"},
        {"data": {"text": "a"}, "annotations": 5},
        {"data": {"text": "a"}, "annotations": {"a": 1}},
        {"data": {"text": "a"}, "annotations": [None]},
        *({"data": {"text": "a"}, "annotations": [{"result": of}]} for of in ("abc", {"a": 1}, ["x"], [None])),
        task("a", {"from_name": "n", "value": 5}),
        task("a", result("labels", "n", **WHOLE, labels=None)),
        task("a", result("labels", "n", **WHOLE, labels="PER")),
        task("a", result("choices", "n", choices=5)),
        task("a", result("choices", "n", choices="x")),
        {**task("a", result("labels", "n", **WHOLE, labels=["P"])), "data": {"text": "a", "n": 5}},
        task("a", {"from_name": "n", "type": ["a"], "value": {"x": 1}}),
        {"text": "a", "n": [{**WHOLE, "labels": 5}]},
        {"text": "a", "n": {"choices": 5}},
    ],
)
def test_what_no_export_holds_is_a_fault_with_its_line(item: dict[str, Any], parse: Parse) -> None:
    records, faults = parse("label-studio", json.dumps([{"data": {"text": "fine"}}, item], indent=None))
    assert [record for _, record in records] == [{"text": "fine"}]
    assert len(faults) == 1
    assert faults[0].startswith("rows:1: ")
    assert " must be " in faults[0]


def test_a_span_without_its_end_is_left_for_the_task_to_refuse(parse: Parse) -> None:
    ((_, record),), _ = parse("label-studio", json.dumps([{"text": "a", "n": [{"start": 0, "labels": ["P"]}]}]))
    assert record["n"] == [{"start": 0, "end": None, "label": "P"}]
