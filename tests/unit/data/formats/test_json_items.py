"""A list of objects is read one item at a time, each with the line that it begins on."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from polyhead.data.formats import json_items
from polyhead.errors import DataError

Parse = Callable[..., Any]
Write = Callable[..., Any]
ITEMS = [{"text": "a\nb", "n": [1, {"x": "]"}]}, {"text": "ü"}, {}]


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("chunk", [1, 7, 2**20])
def test_items_are_read_whatever_the_chunks(indent: int | None, chunk: int, parse: Parse, monkeypatch: Any) -> None:  # noqa: ANN401
    monkeypatch.setattr(json_items, "CHUNK", chunk)
    records, faults = parse("json", json.dumps(ITEMS, indent=indent, ensure_ascii=False))
    assert [record for _, record in records] == ITEMS
    assert not faults


def test_the_place_of_an_item_is_the_line_that_it_begins_on(parse: Parse) -> None:
    content = '[\n {"a": 1},\n\n {"b":\n 2}, {"c": 3}\n]\n'
    assert [line for line, _ in parse("json", content)[0]] == [2, 4, 5]


@pytest.mark.parametrize("content", ['[{"a": 1}', '[{"a": 1}, {"b"', '[{"a" 1}]', "[1, 2"])
def test_a_list_that_is_cut_or_broken_is_refused_with_its_line(content: str, parse: Parse) -> None:
    with pytest.raises(DataError, match=r"the list must be whole JSON. Found none from line 1 on"):
        parse("json", content)


def test_something_else_than_a_list_is_refused(parse: Parse) -> None:
    with pytest.raises(DataError, match=r"must be a list of objects"):
        parse("json", '{"a": 1}')


def test_other_bytes_are_refused(parse: Parse) -> None:
    with pytest.raises(DataError, match=r"must be UTF-8"):
        parse("json", '[{"a": "é"}]'.encode("latin-1"))


def test_wrong_items_are_faults_and_the_rest_is_read(parse: Parse) -> None:
    records, faults = parse("json", '[{"a": 1},\n 7,\n {"a": 1, "a": 2},\n {"a": NaN},\n {"b": 1}]')
    assert [line for line, _ in records] == [1, 5]
    assert faults == [
        "rows:2: an item of the list must be an object. Found 7.",
        "rows:3: an object's keys must differ. Found 'a' 2 times. Keep one of them.",
        "rows:4: a number must be finite. Found NaN. Write null, or leave the field out, where nothing is known.",
    ]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ('[{"a": 1}]\n[{"a": 2}]', "nothing must follow the list. Found more from line 2 on"),
        ('[{"a": 1}] rubbish', "nothing must follow the list"),
        ('[]{"a": 1}', "nothing must follow the list"),
        ('[{"a": 1}\n {"a": 2}]', "a comma between them. Found none on line 2"),
        ('[{"a": 1},]', "must be whole JSON"),
        ("[" * 100_000, "must be whole JSON"),
    ],
)
def test_no_row_is_lost_between_and_after_lists(content: str, rule: str, parse: Parse) -> None:
    with pytest.raises(DataError, match=rule):
        parse("json", content)


def test_an_item_that_python_cannot_read_is_a_fault(parse: Parse) -> None:
    deep = '{"a": ' * 400 + "[" * 200 + "]" * 200 + "}" * 400
    records, faults = parse("json", f'[{{"a": {"7" * 5000}}},\n{deep},\n{{"b": 1}}]')
    assert [record for _, record in records if "b" in record] == [{"b": 1}]
    assert faults[0] == "rows:1: an item must be JSON that can be read. Found a number of too many digits."


@pytest.mark.parametrize("items", [[], ITEMS])
def test_what_is_written_is_read_again(items: list[Any], parse: Parse, write: Write) -> None:
    path, losses = write("json", items)
    assert not losses
    assert json.loads(path.read_text()) == items
    assert [record for _, record in parse("json", path)[0]] == items
