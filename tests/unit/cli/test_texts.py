import io
from pathlib import Path

import pytest

from polyhead.cli.texts import TextLines, opened
from polyhead.errors import DataError, UsageError
from polyhead.text.tokenized import Passage


def lines_of(content: bytes) -> TextLines:
    return TextLines(io.BytesIO(content), "file")


def test_rows_and_plain_lines_are_texts() -> None:
    content = 'plain é\n{"text": "of a row", "topic": 3}\r\n  indented\n'.encode()
    assert list(lines_of(content)) == ["plain é", "of a row", "  indented"]


def test_only_line_feeds_end_a_line() -> None:
    content = "one\u2028still one\x0bstill\n two".encode()
    assert list(lines_of(content)) == ["one\u2028still one\x0bstill", " two"]


def test_blank_lines_are_counted_and_skipped() -> None:
    lines = lines_of(b"\none\n  \n\ntwo\n\n")
    assert list(lines) == ["one", "two"]
    assert lines.blank_lines == 4


def test_a_byte_order_mark_at_the_beginning_is_no_text() -> None:
    assert list(lines_of(b'\xef\xbb\xbf{"text": "a"}\n')) == ["a"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_refused_as_a_whole(encoding: str) -> None:
    with pytest.raises(DataError, match=r"file: the file must be UTF-8\. Found UTF-16\. Save it again"):
        list(lines_of("\ufeffone\ntwo\n".encode(encoding)))


def test_the_text_of_a_row_may_be_empty() -> None:
    assert list(lines_of(b'{"text": ""}')) == [""]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"text": "open', "must be a JSON object"),
        (b"{not json}", "must be a JSON object"),
        (b'{"text": 5}', "Found 5."),
        (b'{"text": null}', "Found None."),
        (b'{"txt": "a"}', "did you mean 'txt'?"),
        (b"{}", "Found the fields []."),
        (b"caf\xe9", "must be UTF-8. Found byte 0xe9."),
        (b'{"a":' * 100_000, "must be a JSON object"),
    ],
)
def test_a_line_that_cannot_be_read_is_a_fault_with_its_number(line: bytes, rule: str) -> None:
    lines = lines_of(b"fine\n" + line + b"\nfine too\n")
    assert list(lines) == ["fine", "fine too"]
    assert [fault.where for fault in lines.faults] == ["file:2"]
    assert rule in str(lines.faults[0])


def test_bytes_are_counted_for_the_progress_bar() -> None:
    content = "é\n\n{broken\n".encode()
    lines = lines_of(content)
    list(lines)
    assert lines.bytes_read == len(content)


def test_a_file_is_opened_with_its_size(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes(b"one\ntwo\n")
    with opened(str(path)) as (lines, size):
        assert (list(lines), size) == (["one", "two"], 8)


@pytest.mark.parametrize("name", ["absent.txt", "."])
def test_what_cannot_be_opened_is_the_callers_fault(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="`--input` must be a file"), opened(str(tmp_path / name)):
        pass


def test_a_row_may_bring_a_second_text_and_tokens() -> None:
    content = b'{"text": "a b", "text_pair": "c"}\n{"tokens": ["a", "b."]}\n{"text": "a  b", "tokens": ["a", "b"]}\n'
    pair, joint, apart = TextLines(io.BytesIO(content), "file", per_token=True)
    assert isinstance(pair, Passage)
    assert isinstance(joint, Passage)
    assert isinstance(apart, Passage)
    assert (pair.text, pair.pair, pair.tokens) == ("a b", "c", None)
    assert (joint.text, joint.tokens is not None and joint.tokens.tolist()) == ("a b.", [[0, 1], [2, 4]])
    assert apart.tokens is not None
    assert apart.tokens.tolist() == [[0, 1], [3, 4]]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"text": "a", "text_pair": 5}', "`text_pair` must be a string. Found 5."),
        (b'{"text": "a", "tokens": ["b"]}', "Found no 'b' there."),
        (b'{"tokens": "a b"}', ""),
        (b'{"tokens": [" "]}', "Found ' ' at 0."),
        (b'{"tokens": 7}', "tokens must be a list of strings. Found 7."),
    ],
)
def test_a_second_text_and_tokens_must_fit(line: bytes, rule: str) -> None:
    lines = TextLines(io.BytesIO(line), "file", per_token=True)
    assert len(list(lines)) == (not rule)
    assert [rule in fault.rule for fault in lines.faults] == [True] * bool(rule)


def test_tokens_beside_a_text_do_not_matter_where_no_task_answers_a_token() -> None:
    assert list(lines_of(b'{"text": "a", "tokens": 12, "text_pair": null}')) == ["a"]
