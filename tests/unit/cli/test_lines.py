import errno
import io
import json
import os
from pathlib import Path

import pytest

from polyhead.answers import Answer
from polyhead.cli.lines import AnswerLines, answer_lines
from polyhead.errors import StorageError
from polyhead.tasks.classification import ClassificationAnswer


def answer(text: str) -> Answer:
    return Answer(text, truncated=False, tasks={"topic": ClassificationAnswer("a", 1.0, {"a": 1.0})})


class FullDisk(io.BytesIO):
    def write(self, line: object) -> int:  # noqa: ARG002
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_answer_is_one_line_of_json(tmp_path: Path) -> None:
    with answer_lines(tmp_path / "answers.jsonl") as lines:
        lines.write(answer("é\n\u2028"))
        lines.write(answer("b"))
    written = (tmp_path / "answers.jsonl").read_text(encoding="utf-8").split("\n")
    assert len(written) == 3
    assert json.loads(written[0]) == answer("é\n\u2028").to_json()


def test_a_lone_surrogate_comes_back_as_it_was(tmp_path: Path) -> None:
    with answer_lines(tmp_path / "answers.jsonl") as lines:
        lines.write(answer("a\ud800"))
    assert json.loads((tmp_path / "answers.jsonl").read_bytes())["text"] == "a\ud800"


def test_the_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "answers.jsonl"
    output.write_text("before")
    with answer_lines(output) as lines:
        lines.write(answer("a"))
        assert output.read_text() == "before"
    assert json.loads(output.read_text())["text"] == "a"
    assert list(tmp_path.iterdir()) == [output]


def test_an_interruption_keeps_what_was_there_and_what_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "answers.jsonl"
    output.write_text("before")
    with pytest.raises(KeyboardInterrupt), answer_lines(output) as lines:  # noqa: PT012  the block is what is tested
        lines.write(answer("a"))
        raise KeyboardInterrupt
    assert output.read_text() == "before"
    assert json.loads((tmp_path / "answers.jsonl.partial").read_text())["text"] == "a"
    assert "Stopped after 1 answers" in capsys.readouterr().err


def test_a_full_disk_is_told_with_the_place() -> None:
    lines = AnswerLines(FullDisk(), "there.jsonl")
    with pytest.raises(StorageError, match=r"^there\.jsonl: the answers cannot be written\. Found: No space left"):
        lines.write(answer("a"))
    assert lines.written == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_device_is_written_as_it_is_and_never_replaced() -> None:
    with pytest.raises(StorageError, match="No space left"), answer_lines(Path("/dev/full")) as lines:  # noqa: PT012
        for _ in range(10_000):
            lines.write(answer("a"))
    assert Path("/dev/full").is_char_device()


def test_a_folder_that_is_absent_is_told_with_the_place(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="No such file or directory"),
        answer_lines(tmp_path / "absent" / "answers.jsonl"),
    ):
        pass


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.jsonl").write_text("")
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "real.jsonl")
    with answer_lines(tmp_path / "link.jsonl") as lines:
        lines.write(answer("a"))
    assert (tmp_path / "link.jsonl").is_symlink()
    assert (tmp_path / "real.jsonl").read_text()
