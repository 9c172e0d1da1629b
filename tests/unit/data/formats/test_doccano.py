"""What doccano exports and imports."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from polyhead.data.formats.base import Choices

Parse = Callable[..., Any]
Write = Callable[..., Any]
SPANS = [{"start": 0, "end": 3, "label": "PER"}]


def lines(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_triples_and_offsets_become_spans(parse: Parse) -> None:
    content = lines(
        {"id": 1, "text": "Ada", "label": [[0, 3, "PER"]]},
        {"id": 2, "data": "Ada", "label": []},
        {"text": "Ada", "entities": [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3}], "relations": []},
    )
    records, faults = parse("doccano", content)
    assert not faults
    assert [record["entities"] for _, record in records] == [SPANS, [], SPANS]
    assert [record["text"] for _, record in records] == ["Ada"] * 3


def test_labels_of_a_text_are_choices(parse: Parse) -> None:
    ((_, record),) = parse("doccano", lines({"text": "a", "label": ["good", "new"], "Comments": []}))[0]
    assert record["label"] == ["good", "new"]
    assert isinstance(record["label"], Choices)


def test_the_column_may_be_asked_for_by_its_own_name(parse: Parse) -> None:
    ((_, record),) = parse("doccano", lines({"text": "Ada", "label": [[0, 3, "PER"]]}), wanted=frozenset({"label"}))[0]
    assert record["label"] == record["entities"] == SPANS


def test_what_is_no_span_is_left_for_the_task_to_refuse(parse: Parse) -> None:
    ((_, record),) = parse("doccano", lines({"text": "a", "entities": ["x"]}))[0]
    assert record["entities"] == ["x"]


def test_spans_are_written_as_triples_beside_other_columns(parse: Parse, write: Write) -> None:
    rows = [{"text": "Ada", "entities": SPANS, "topic": "x", "score": 1}, {"text": "none", "entities": []}]
    path, losses = write("doccano", rows)
    assert not losses
    assert json.loads(path.read_text().splitlines()[0])["label"] == [[0, 3, "PER"]]
    assert [record for _, record in parse("doccano", path)[0]] == rows


def test_a_label_of_the_text_is_written_where_there_are_no_spans(parse: Parse, write: Write) -> None:
    path, losses = write("doccano", [{"text": "a", "topic": "x"}, {"text": "a", "topic": "y", "pos": {"a": 1}}])
    assert losses == {"topic: read back as 'label'": 2}
    assert [record["label"] for _, record in parse("doccano", path)[0]] == [["x"], ["y"]]


def test_one_column_of_labels_is_chosen_for_all_rows(parse: Parse, write: Write) -> None:
    rows = [{"text": "a", "topic": "x"}, {"text": "b", "label": "y"}, {"text": "c", "label": "y", "topic": "z"}]
    path, losses = write("doccano", rows)
    assert not losses
    records = [record for _, record in parse("doccano", path)[0]]
    assert [record.get("label") for record in records] == [None, ["y"], ["y"]]
    assert [record.get("topic") for record in records] == ["x", None, "z"]


def test_lists_without_labels_and_labels_that_are_no_list_are_told(write: Write) -> None:
    rows = [{"text": "a", "tags": ["x"]}, {"text": "b", "tags": []}, {"text": "c", "tags": {"yes": [], "no": ["x"]}}]
    assert write("doccano", rows)[1] == {
        "tags: read back as 'label'": 2,
        "tags: an empty list is read back as no entities": 1,
        "tags: labels that are no list stay in a column of this name": 1,
    }


def test_a_second_column_of_that_name_is_told(write: Write) -> None:
    assert write("doccano", [{"text": "Ada", "entities": SPANS, "label": "x"}])[1] == {
        "label: there is one column of this name only": 1
    }


def test_entities_that_are_none_are_left_for_the_task_to_refuse(parse: Parse) -> None:
    content = '{"text": "a", "entities": [{"start_offset": 0, "label": "P"}]}\n{"text": "b", "entities": "x"}\n'
    first, second = (record for _, record in parse("doccano", content)[0])
    assert first["entities"] == [{"start": 0, "end": None, "label": "P"}]
    assert second["entities"] == "x"
