import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
CONLL = "Ada\tNNP\tI-PER\nran\tVBD\tO\n"


@pytest.fixture
def conll(tmp_path: Path) -> Path:
    (tmp_path / "rows.conll").write_text(CONLL)
    return tmp_path / "rows.conll"


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_endings_tell_both_formats(run: Run, conll: Path, tmp_path: Path) -> None:
    finished = run("convert", conll, tmp_path / "out.jsonl")
    assert (finished.status, finished.out) == (0, "")
    assert finished.err == f"1 rows in {tmp_path / 'out.jsonl'}\n"
    assert rows(tmp_path / "out.jsonl") == [{"tokens": ["Ada", "ran"], "1": ["NNP", "VBD"], "2": ["I-PER", "O"]}]


def test_columns_are_renamed_and_their_meaning_is_told(run: Run, conll: Path, tmp_path: Path) -> None:
    run("convert", conll, tmp_path / "out.jsonl", "--field", "entities=2:spans", "--field", "pos=1")
    (row,) = rows(tmp_path / "out.jsonl")
    assert row["entities"] == [{"start": 0, "end": 3, "label": "PER", "text": "Ada"}]
    assert row["pos"] == ["NNP", "VBD"]


def test_numbers_are_read_where_asked(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,3\n")
    wanted = ("--set", "columns=text,score", "--field", "similarity=score:number")
    assert run("convert", tmp_path / "rows.csv", tmp_path / "out.jsonl", *wanted).status == 0
    assert rows(tmp_path / "out.jsonl") == [{"text": "a", "similarity": 3}]


def test_what_the_new_format_cannot_hold_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "topic": "x"}\n{"text": "b", "topic": "x"}\n')
    finished = run("convert", tmp_path / "rows.jsonl", tmp_path / "out.md")
    assert finished.status == 0
    assert "not held in 2 rows: topic: there is no place for it\n" in finished.err


def test_formats_may_be_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.data").write_text('{"text": "Ada", "label": [[0, 3, "PER"]]}\n')
    finished = run("convert", tmp_path / "rows.data", tmp_path / "out", "--from", "doccano", "--to", "markup")
    assert finished.status == 0
    assert (tmp_path / "out").read_text() == "[Ada](PER)\n"


@pytest.mark.parametrize(
    ("words", "saying"),
    [
        (["--to", "jsnol"], "did you mean 'jsonl'?"),
        (["--to", "jsonl", "--from", "cnll"], "did you mean 'conll'?"),
        (["--to", "jsonl", "--field", "entities"], "`--field` must read NAME=VALUE. Found 'entities'."),
        (["--to", "jsonl", "--set", "colums=a"], "did you mean 'columns'?"),
        ([], "the ending of OUT must tell its format. Found 'out'. Give `--to`: jsonl, json, csv"),
    ],
)
def test_a_wrong_call_leaves_with_two(words: list[str], saying: str, run: Run, conll: Path, tmp_path: Path) -> None:
    finished = run("convert", conll, tmp_path / "out", *words)
    assert finished.status == 2
    assert saying in finished.err
    assert not (tmp_path / "out").exists()


def test_faults_of_the_file_leave_with_one(run: Run, conll: Path, tmp_path: Path) -> None:
    conll.write_text(CONLL + "Zed X\n")
    finished = run("convert", conll, tmp_path / "out.jsonl")
    assert finished.status == 1
    assert f"{conll}:3: a token must have 3 columns" in finished.err
    assert not (tmp_path / "out.jsonl").exists()


def test_nothing_is_written_over(run: Run, conll: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("kept")
    assert run("convert", conll, tmp_path / "out.jsonl").status == 2
    assert (tmp_path / "out.jsonl").read_text() == "kept"
