import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def answers_in(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_texts_are_shown_for_people(run: Run, model: str) -> None:
    finished = run("predict", model, "Ada met Milo")
    assert finished.status == 0
    assert "Ada met Milo" in finished.out
    for part in ("topic", "long", "people", "PERSON", "Milo  8-12"):
        assert part in finished.out
    assert "\x1b" not in finished.out


def test_json_is_one_answer_a_line_and_nothing_else(run: Run, model: str) -> None:
    finished = run("predict", model, "Ada met Milo", "", "--json")
    assert finished.status == 0
    first, second = answers_in(finished.out)
    assert [span["text"] for span in first["tasks"]["people"]["spans"]] == ["Ada", "Milo"]
    assert second["text"] == ""
    assert finished.err == ""


def test_only_the_tasks_that_are_asked_are_answered(run: Run, model: str) -> None:
    finished = run("predict", model, "Ada", "--json", "--tasks", "topic")
    assert list(answers_in(finished.out)[0]["tasks"]) == ["topic"]


def test_several_tasks_may_be_asked_with_spaces_between(run: Run, model: str) -> None:
    finished = run("predict", model, "Ada", "--json", "--tasks", "people, topic")
    assert list(answers_in(finished.out)[0]["tasks"]) == ["people", "topic"]


def test_an_unknown_task_is_told_with_the_known_ones(run: Run, model: str) -> None:
    finished = run("predict", model, "Ada", "--tasks", "topik")
    assert finished.status == 2
    assert "did you mean 'topic'?" in finished.err


def test_a_file_is_answered_in_its_order(run: Run, model: str, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    texts = ["one two three", "Ada", "", "a b", "Ünïcödé 🎉 東京"] * 10
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    finished = run("predict", model, "--input", source, "--output", output)
    assert finished.status == 0
    assert [answer["text"] for answer in answers_in(output.read_text(encoding="utf-8"))] == texts
    assert finished.out == ""
    assert "50 answers written." in finished.err


def test_stdin_goes_to_stdout(run: Run, model: str) -> None:
    finished = run("predict", model, "--input", "-", stdin=b'Ada\n\n{"text": "b"}\n')
    assert finished.status == 0
    assert [answer["text"] for answer in answers_in(finished.out)] == ["Ada", "b"]
    assert "1 blank line" in finished.err


def test_broken_lines_are_told_and_the_others_answered(run: Run, model: str, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b'{"text": "a"}\n{"text": \nb\n\xff\n{"texts": "c"}\n')
    finished = run("predict", model, "--input", source, "--output", output)
    assert finished.status == 1
    assert [answer["text"] for answer in answers_in(output.read_text())] == ["a", "b"]
    for place in (f"{source}:2:", f"{source}:4:", f"{source}:5:"):
        assert place in finished.err
    assert "3 lines could not be read; the other 2 are answered" in finished.err


def test_a_file_may_be_answered_in_place(run: Run, model: str, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("Ada\n")
    assert run("predict", model, "--input", path, "--output", path).status == 0
    assert answers_in(path.read_text())[0]["text"] == "Ada"


def test_texts_may_be_answered_into_a_file(run: Run, model: str, tmp_path: Path) -> None:
    assert run("predict", model, "Ada", "--output", tmp_path / "out.jsonl").status == 0
    assert answers_in((tmp_path / "out.jsonl").read_text())[0]["text"] == "Ada"


def test_an_empty_file_gives_no_answers(run: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    finished = run("predict", model, "--input", tmp_path / "empty.txt")
    assert (finished.status, finished.out) == (0, "")


@pytest.mark.parametrize("words", [["model"], ["model", "a text", "--input", "-"]])
def test_texts_come_from_one_place(run: Run, words: list[str]) -> None:
    finished = run("predict", *words)
    assert finished.status == 2
    assert "predict needs texts, or `--input`" in finished.err


def test_an_input_that_is_absent_is_told(run: Run, model: str, tmp_path: Path) -> None:
    finished = run("predict", model, "--input", tmp_path / "absent")
    assert finished.status == 2
    assert "absent" in finished.err
    assert finished.out == ""


def test_a_text_that_was_cut_says_so(run: Run, model: str) -> None:
    finished = run("predict", model, "one two three four five six seven eight nine ten")
    assert "too long for the encoder" in finished.out


def test_markup_in_a_text_is_text(run: Run, model: str) -> None:
    assert "[bold]no[/bold] :smile:" in run("predict", model, "[bold]no[/bold] :smile:").out


def test_answers_in_place_never_replace_lines_that_could_not_be_read(run: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("one\n{broken\n")
    (tmp_path / "same.txt").symlink_to(tmp_path / "texts.txt")
    finished = run("predict", model, "--input", tmp_path / "texts.txt", "--output", tmp_path / "same.txt")
    assert (finished.status, "texts.txt:2" in finished.err) == (1, True)
    assert (tmp_path / "texts.txt").read_text() == "one\n{broken\n"
    assert len(answers_in((tmp_path / "texts.txt.partial").read_text())) == 1


@pytest.mark.parametrize("threads", ["0", "2000", "9" * 30])
def test_threads_are_as_many_as_a_machine_has(run: Run, model: str, threads: str) -> None:
    finished = run("predict", model, "a text", "--threads", threads)
    assert (finished.status, "--threads" in finished.err) == (2, True)
