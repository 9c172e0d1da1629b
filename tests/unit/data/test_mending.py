"""What is mended without a doubt goes to a new file; the old one stays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.mending import COMPOSED, DROPPED, TRIMMED, Mended, fixed_name, mend
from polyhead.errors import DataError, UsageError
from polyhead.recipe import DataSource

Save = Callable[..., str]


def span(start: int, end: int, **more: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": "X", **more}


def mended(name: str, folder: Path, **settings: Any) -> tuple[Mended, list[Any]]:  # noqa: ANN401
    done = mend(DataSource(path=name, **settings), folder=folder)
    lines = [] if done.output is None else done.output.read_text(encoding="utf-8").splitlines()
    return done, [json.loads(line) for line in lines]


def test_clean_rows_need_no_new_file(save: Save, tmp_path: Path) -> None:
    name = save({"text": "é x", "entities": [span(0, 1, text="é"), span(2, 9)]}, {"text": "", "entities": []})
    assert mended(name, tmp_path) == (Mended(None, {}), [])
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_edges_of_spans_are_trimmed(save: Save, tmp_path: Path) -> None:
    name = save({"text": "a Ada\n b", "entities": [span(1, 7, text=" Ada\n "), span(2, 6), span(1, 2)], "other": [1]})
    before = (tmp_path / name).read_bytes()
    done, rows = mended(name, tmp_path)
    assert done.counts == {TRIMMED: 2}
    assert done.output == tmp_path / "rows.fixed.jsonl"
    assert rows == [{"text": "a Ada\n b", "entities": [span(2, 5, text="Ada"), span(2, 5), span(1, 2)], "other": [1]}]
    assert (tmp_path / name).read_bytes() == before


def test_texts_are_composed_and_spans_move_along(save: Save, tmp_path: Path) -> None:
    apart = "cafe\u0301 in Orle\u0301ans"
    name = save({"headline": apart, "entities": [span(0, 5, text="cafe\u0301"), span(9, 17)]})
    done, ((row),) = mended(name, tmp_path, fields={"text": "headline"})
    assert done.counts == {COMPOSED: 1}
    assert row["headline"] == "café in Orléans"
    assert [row["headline"][s["start"] : s["end"]] for s in row["entities"]] == ["café", "Orléans"]


def test_a_span_that_ends_within_a_character_keeps_its_text(save: Save, tmp_path: Path) -> None:
    name = save({"text": "cafe\u0301", "entities": [span(0, 4)]})
    assert mended(name, tmp_path)[0] == Mended(None, {})


def test_rows_that_are_the_same_are_kept_once(save: Save, tmp_path: Path) -> None:
    rows = [{"text": "a", "topic": "x"}, {"topic": "x", "text": "a"}, {"text": "a", "topic": "y"}]
    done, kept = mended(save(*rows), tmp_path)
    assert done.counts == {DROPPED: 1}
    assert kept == [rows[0], rows[2]]


def test_a_file_with_broken_lines_is_not_written_anew(save: Save, tmp_path: Path) -> None:
    name = save({"text": "a "}, "broken", {"text": "a "})
    with pytest.raises(DataError, match="these lines would be lost"):
        mended(name, tmp_path)
    assert not (tmp_path / "rows.fixed.jsonl").exists()


def test_a_file_that_is_there_is_never_written_over(save: Save, tmp_path: Path) -> None:
    name = save({"text": "a"}, {"text": "a"})
    (tmp_path / "rows.fixed.jsonl").write_text("kept")
    with pytest.raises(UsageError, match="nothing is ever written over"):
        mended(name, tmp_path)
    assert (tmp_path / "rows.fixed.jsonl").read_text() == "kept"


def test_folders_and_absent_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "joint").mkdir()
    (tmp_path / "joint" / "seq.in").write_text("a\n")
    assert mended("joint", tmp_path)[0] == mended("absent.jsonl", tmp_path)[0] == Mended(None, {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jsonl", "a.fixed.jsonl"), ("a.b.csv.gz", "a.b.fixed.csv.gz"), ("a", "a.fixed"), ("a.gz", "a.fixed.gz")],
)
def test_the_new_name_keeps_its_endings(name: str, expected: str) -> None:
    assert fixed_name(name) == expected
