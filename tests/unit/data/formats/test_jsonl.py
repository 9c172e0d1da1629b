"""Strict reading of JSON Lines, and what each kind of broken line is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from polyhead.data.formats import files, jsonl
from polyhead.data.formats.base import DataFile
from polyhead.data.formats.jsonl import read_json_lines
from polyhead.errors import DataError, Fault

# bytes of a line -> the rule it breaks, what was found
BROKEN = {
    "not closed": (b'{"text": "a"', "a line must be one JSON object", "\"Expecting ',' delimiter\" at column 13"),
    "no JSON": (b"hello", "a line must be one JSON object", "'Expecting value' at column 1"),
    "two objects": (b'{"a": 1} {"b": 2}', "a line must be one JSON object", "'Extra data' at column 10"),
    "single quotes": (b"{'text': 'a'}", "a line must be one JSON object", "at column 2"),
    "a list": (b'["a"]', "a line must be one JSON object", "a JSON list"),
    "a string": (b'"a"', "a line must be one JSON object", "a JSON string"),
    "a number": (b"7", "a line must be one JSON object", "a JSON number"),
    "a truth": (b"true", "a line must be one JSON object", "a JSON boolean"),
    "null": (b"null", "a line must be one JSON object", "a JSON null"),
    "NaN": (b'{"score": NaN}', "a number must be finite", "NaN"),
    "Infinity": (b'{"score": Infinity}', "a number must be finite", "Infinity"),
    "minus infinity": (b'{"score": -Infinity}', "a number must be finite", "-Infinity"),
    "overflow": (b'{"score": 1e999}', "a number must be finite", "1e999"),
    "repeated key": (b'{"text": "a", "text": "b"}', "an object's keys must differ", "'text' 2 times"),
    "repeated inner key": (b'{"a": [{"b": 1, "c": 2, "b": 1}]}', "an object's keys must differ", "'b' 2 times"),
    "Latin-1": ('{"text": "café"}'.encode("latin-1"), "a line must be UTF-8", "the byte 0xe9 at position 14"),
    "cut UTF-8": (b'{"text": "\xf0\x9f\x98"}', "a line must be UTF-8", "the byte 0xf0 at position 11"),
    "raw surrogate": (b'{"text": "\xed\xa0\x80"}', "a line must be UTF-8", "the byte 0xed at position 11"),
    "control character": (b'{"text": "a\tb"}', "a line must be one JSON object", "Invalid control character"),
    "zero byte": (b'{"text": "a"}\x00', "a line must be one JSON object", "Extra data"),
    "endless number": (b'{"a": ' + b"9" * 5000 + b"}", "a line must be one JSON object", "a number of too many digits"),
    "deep nesting": (b"[" * 100_000, "a line must be one JSON object", "lists or objects nested too deep"),
    "second mark": (b'\xef\xbb\xbf{"text": "a"}', "a line must be one JSON object", "column 1"),
}


def objects(path: Path, faults: list[Fault] | None = None) -> list[tuple[int, Any]]:
    return list(read_json_lines(DataFile(path=path, name="rows.jsonl"), [] if faults is None else faults))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.jsonl"


@pytest.mark.parametrize("sort", BROKEN)
def test_a_broken_line_is_named_and_reading_goes_on(sort: str, path: Path) -> None:
    line, rule, found = BROKEN[sort]
    path.write_bytes(b'{"first": 1}\n' + line + b'\n{"last": 2}\n')
    faults: list[Fault] = []
    assert objects(path, faults) == [(1, {"first": 1}), (3, {"last": 2})]
    (fault,) = faults
    assert fault.where == "rows.jsonl:2"
    assert fault.rule.startswith(f"{rule}. Found ")
    assert found in fault.rule


@pytest.mark.parametrize("blank", [b"", b" ", b"\t \r", b"\r"])
def test_blank_lines_are_skipped_and_counted(blank: bytes, path: Path) -> None:
    path.write_bytes(blank + b'\n{"a": 1}\n' + blank + b'\n{"b": 2}')
    assert objects(path) == [(2, {"a": 1}), (4, {"b": 2})]


def test_a_byte_order_mark_at_the_start_is_no_fault(path: Path) -> None:
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\n')
    assert objects(path) == [(1, {"text": "a"})]


def test_lines_may_end_as_on_windows(path: Path) -> None:
    path.write_bytes(b'{"a": "x"}\r\n{"b": 2}\r\n')
    assert objects(path) == [(1, {"a": "x"}), (2, {"b": 2})]


def test_the_last_line_needs_no_end(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\n{"b": 2}')
    assert [line for line, _ in objects(path)] == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n \n"])
def test_a_file_without_lines_holds_nothing(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    assert objects(path) == []


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1e"])
def test_only_a_line_feed_ends_a_line(character: str, path: Path) -> None:
    path.write_text(json.dumps({"text": f"a{character}b"}, ensure_ascii=ord(character) < 32) + "\n", encoding="utf-8")
    assert objects(path) == [(1, {"text": f"a{character}b"})]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_told_by_name(encoding: str, path: Path) -> None:
    mark = b"" if encoding == "utf-16" else b"\xfe\xff"
    path.write_bytes(mark + '{"text": "a"}\n'.encode(encoding))
    with pytest.raises(DataError, match=r"must be UTF-8. Found UTF-16. Save it again as UTF-8."):
        objects(path)


def test_a_list_of_rows_is_told_how_to_become_lines(path: Path) -> None:
    path.write_text('[{"text": "a"},\n {"text": "b"}]\n')
    faults: list[Fault] = []
    assert objects(path, faults) == []
    assert "without brackets and commas" in faults[0].advice


def test_reading_stops_where_no_line_is_an_object(path: Path) -> None:
    path.write_bytes(b"text,label\n" * 1000)
    faults: list[Fault] = []
    with pytest.raises(DataError, match=r"Found no JSON object on its first 100 lines"):
        objects(path, faults)
    assert len(faults) == jsonl.HOPELESS_LINES


def test_one_good_line_keeps_reading_going(path: Path) -> None:
    path.write_bytes(b'{"a": 1}\n' + b"no\n" * 1000 + b'{"b": 1}\n')
    faults: list[Fault] = []
    assert [line for line, _ in objects(path, faults)] == [1, 1002]
    assert len(faults) == 1000


def test_a_line_that_is_too_long_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 32)
    monkeypatch.setattr(files, "LONGEST_LINE", 32)
    fits = b'{"text": "' + b"b" * 19 + b'"}'
    path.write_bytes(b'{"a": 1}\n{"text": "' + b"a" * 100 + b'"}\n' + fits + b'\n{"b": 2}\n')
    faults: list[Fault] = []
    assert [line for line, _ in objects(path, faults)] == [1, 3, 4]
    assert [str(fault) for fault in faults] == [
        "rows.jsonl:2: a line must not be endless. Found more than 32 bytes. Write one row on each line."
    ]


def test_a_missing_file_is_an_error_of_the_system(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        objects(path)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), PLAIN, max_size=4), max_size=5))
def test_what_json_wrote_is_what_is_read(rows: list[dict[str, Any]], path: Path) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8", newline="\n")
    faults: list[Fault] = []
    assert [fields for _, fields in objects(path, faults)] == [json.loads(json.dumps(row)) for row in rows]
    assert faults == []


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=200))
def test_no_bytes_break_the_reader(content: bytes, path: Path) -> None:
    # What claims to be packed is unpacked first; who reads a file says so where that fails.
    assume(not content.startswith((files.GZIP_MARK, files.ZSTD_MARK)))
    path.write_bytes(content)
    faults: list[Fault] = []
    if content.startswith(files.UTF16_MARKS):
        with pytest.raises(DataError, match="UTF-16"):
            objects(path)
        return
    lines = objects(path, faults)
    assert len(lines) + len(faults) <= content.count(b"\n") + 1
