"""The three files of the joint intent and slot layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.errors import DataError

Parse = Callable[..., Any]
Write = Callable[..., Any]


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save_folder(**parts: str) -> Path:
        folder = tmp_path / "split"
        folder.mkdir()
        for name, content in parts.items():
            (folder / name.replace("seq_", "seq.")).write_text(content)
        return folder

    return save_folder


def test_three_files_are_one_row_a_line(parse: Parse, save: Callable[..., Path]) -> None:
    folder = save(seq_in="play jazz \nstop\n", seq_out="O B-genre\nO\n", label="PlayMusic\nStop\n")
    assert parse("joint", folder) == (
        [
            (1, {"tokens": ["play", "jazz"], "entities": ["O", "B-genre"], "intent": "PlayMusic"}),
            (2, {"tokens": ["stop"], "entities": ["O"], "intent": "Stop"}),
        ],
        [],
    )


def test_other_names_are_there_when_asked_for(parse: Parse, save: Callable[..., Path]) -> None:
    folder = save(seq_in="stop", seq_out="O", label="Stop")
    record = parse("joint", folder, wanted=frozenset({"slots", "label"}))[0][0][1]
    assert (record["slots"], record["label"]) == (["O"], "Stop")


def test_one_of_tags_and_labels_may_be_absent(parse: Parse, save: Callable[..., Path]) -> None:
    assert parse("joint", save(seq_in="stop", label="Stop"))[0] == [(1, {"tokens": ["stop"], "intent": "Stop"})]


def test_a_row_needs_a_tag_for_each_token(parse: Parse, save: Callable[..., Path]) -> None:
    records, faults = parse("joint", save(seq_in="a b\nc\n", seq_out="O\nO\n"))
    assert [line for line, _ in records] == [2]
    assert faults == ["rows:1: a row must have one tag a token. Found 2 and 1."]


def test_files_of_different_lengths_are_a_fault(parse: Parse, save: Callable[..., Path]) -> None:
    records, faults = parse("joint", save(seq_in="a\nb\nc\n", label="x\ny\n"))
    assert len(records) == 2
    assert faults[0].startswith("rows:3: `seq.in`, `label` must have the same lines.")


def test_texts_alone_are_refused(parse: Parse, save: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"must hold `seq.out` or `label`"):
        parse("joint", save(seq_in="a\n"))


def test_what_is_written_is_read_again(parse: Parse, write: Write) -> None:
    rows = [
        {"tokens": ["play", "jazz"], "entities": ["O", "B-genre"], "intent": "PlayMusic"},
        {"tokens": ["stop"], "entities": ["O"], "intent": "Stop"},
    ]
    path, losses = write("joint", rows)
    assert not losses
    assert [record for _, record in parse("joint", path)[0]] == rows


def test_what_the_layout_cannot_hold_is_told(parse: Parse, write: Write) -> None:
    row = {
        "text": "Stop, now",
        "slot": [{"start": 0, "end": 4, "label": "x"}],
        "topic": "a",
        "score": 2,
        "text_pair": "b",
    }
    path, losses = write("joint", [row, {"text": "fine"}])
    assert set(losses) == {
        "score: there is no place for it",
        "slot: read back as 'entities'",
        "topic: read back as 'intent'",
        "the spacing of the text: tokens stand a space apart",
        "text_pair: there is no place for it",
        "a row without tags is read back as one without entities",
    }
    assert parse("joint", path)[0][0][1] == {
        "tokens": ["Stop", ",", "now"],
        "entities": ["B-x", "O", "O"],
        "intent": "a",
    }


def test_spans_are_preferred_to_other_tags_in_every_row(parse: Parse, write: Write) -> None:
    rows = [
        {"tokens": ["It", "rains"], "pos": ["P", "V"], "intent": "a"},
        {"tokens": ["play", "jazz"], "pos": ["V", "N"], "entities": ["O", "B-genre"], "intent": "b"},
    ]
    path, losses = write("joint", rows)
    assert [record["entities"] for _, record in parse("joint", path)[0]] == [["O", "O"], ["O", "B-genre"]]
    assert losses == {"pos: there is no place for it": 2, "a row without tags is read back as one without entities": 1}
