"""CSV and TSV as spreadsheets, pandas and people write them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.formats.base import DataFile
from polyhead.data.formats.delimited import read_csv
from polyhead.errors import DataError, Fault

Parse = Callable[..., Any]
Write = Callable[..., Any]


def test_a_header_names_the_columns(parse: Parse) -> None:
    assert parse("csv", "text,topic\nhello,a\n\nbye,\n") == (
        [(2, {"text": "hello", "topic": "a"}), (4, {"text": "bye", "topic": ""})],
        [],
    )


def test_quoted_cells_hold_commas_quotes_and_lines(parse: Parse) -> None:
    records, faults = parse("csv", 'text,topic\n"one, ""two""\nthree",a\nlast,b\n')
    assert records == [(2, {"text": 'one, "two"\nthree', "topic": "a"}), (4, {"text": "last", "topic": "b"})]
    assert not faults


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_the_header_tells_what_separates(sign: str, parse: Parse) -> None:
    assert parse("csv", f"text{sign}topic\na, b{sign}c\n")[0] == [(2, {"text": "a, b", "topic": "c"})]


def test_columns_stand_for_a_header(parse: Parse) -> None:
    for form, sign in (("csv", ","), ("tsv", "\t")):
        assert parse(form, f"a{sign}b\n", columns=("text", "topic"))[0] == [(1, {"text": "a", "topic": "b"})]


@pytest.mark.parametrize(("form", "sign"), [("csv", ","), ("tsv", "\t")])
def test_a_row_of_another_width_is_a_fault_with_its_line(form: str, sign: str, parse: Parse) -> None:
    records, faults = parse(form, f"text{sign}topic\na{sign}b{sign}c\nd\ne{sign}f\n")
    assert [line for line, _ in records] == [4]
    assert faults == [
        "rows:2: a row must have 2 cells, as the header. Found 3.",
        "rows:3: a row must have 2 cells, as the header. Found 1.",
    ]


def test_a_quote_that_is_never_closed_is_a_fault(parse: Parse) -> None:
    with pytest.raises(DataError, match=r"every quote must be closed. Found none that closes the row from line 3 on"):
        parse("csv", 'text,topic\na,b\n"open,c\nd,e\n')


@pytest.mark.parametrize(
    ("content", "columns", "expected"),
    [
        ("Hello; well; ok,x\n", ("text", "topic"), {"text": "Hello; well; ok", "topic": "x"}),
        ('"a, b, c, d";x\n', ("text", "topic"), {"text": "a, b, c, d", "topic": "x"}),
        ('"text;a;b",topic\nhi,x\n', (), {"text;a;b": "hi", "topic": "x"}),
    ],
)
def test_signs_within_cells_do_not_separate(
    content: str, columns: tuple[str, ...], expected: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text(content)
    faults: list[Fault] = []
    file = DataFile(path=tmp_path / "rows.csv", name="rows", columns=columns)
    assert [dict(record) for _, record in read_csv(file, faults)] == [expected]
    assert not faults


def test_a_tsv_may_begin_with_an_empty_line(parse: Parse) -> None:
    assert parse("tsv", "\ntext\ttopic\na\tb\n")[0] == [(3, {"text": "a", "topic": "b"})]


def test_a_header_names_no_column_twice(parse: Parse) -> None:
    with pytest.raises(DataError, match="Found 'text' 2 times"):
        parse("csv", "text,text\na,b\n")


def test_quotes_within_a_tsv_cell_are_as_they_are(parse: Parse) -> None:
    records, _ = parse("tsv", 'text\ttopic\n"He said\ta\n"whole ""cell"""\tb\nit"s\tc\n')
    assert [record["text"] for _, record in records] == ['"He said', 'whole "cell"', 'it"s']


def test_an_empty_file_has_no_records(parse: Parse) -> None:
    assert parse("csv", "") == parse("tsv", "") == ([], [])


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_what_is_written_is_read_again(form: str, parse: Parse, write: Write) -> None:
    rows = [
        {"text": 'a, "b"', "topic": "x"},
        {"text": "c", "entities": [{"start": 0, "end": 1, "label": "X"}]},
        {"text": '"', "topic": "y"},
    ]
    path, losses = write(form, rows)
    records, faults = parse(form, path)
    assert not faults
    assert not losses
    assert [record["text"] for _, record in records] == ['a, "b"', "c", '"']
    assert [record["topic"] for _, record in records] == ["x", "", "y"]
    assert records[1][1]["entities"] == '[{"start": 0, "end": 1, "label": "X"}]'


def test_what_a_tsv_cannot_hold_is_told(write: Write, parse: Parse) -> None:
    path, losses = write("tsv", [{"text": "a\tb\nc", "score": 1.5}])
    assert set(losses) == {
        "tabs and line ends in a cell become spaces",
        "a number is read back as text, which a task that asks for a number takes all the same",
    }
    assert parse("tsv", path)[0] == [(2, {"text": "a b c", "score": "1.5"})]
