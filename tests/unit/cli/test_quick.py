from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from polyhead.cli import quick
from polyhead.cli.commands import application
from polyhead.cli.question import Question
from polyhead.cli.quick import quickly_read


def read_by_typer(words: list[str]) -> Question | None:
    """Return what the command is asked; nothing when Typer refuses the call."""
    asked: list[Question] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polyhead.cli.answering.answer", asked.append)
        result = CliRunner().invoke(application, words)
    return asked[0] if result.exit_code == 0 and asked else None


def test_the_options_are_those_of_typer_by_the_same_names() -> None:
    commands: dict[str, Any] = typer.main.get_command(application).commands  # pyright: ignore[reportAttributeAccessIssue]
    parameters = commands["predict"].params
    options = [each for each in parameters if each.param_type_name == "option" and each.name != "help"]
    assert {word: each.name for each in options if not each.is_flag for word in each.opts} == quick.VALUES
    assert {word: each.name for each in options if each.is_flag for word in each.opts} == quick.FLAGS
    assert [each.name for each in parameters if each.param_type_name == "argument"] == ["model", "texts"]


@pytest.mark.parametrize(
    "words",
    [
        ["model", "a text"],
        ["model", "a text", "", "another"],
        ["model"],
        ["model", "--json", "a text", "--engine", "onnx-int8", "--threads", "2"],
        ["--engine=onnx", "model", "--tasks=a, b", "a=b"],
        ["model", "--input", "-", "--output", "runs/a.jsonl"],
        ["model", "--tasks", "a=b", "x"],
        ["runs/../model/", "naïve 😀"],
    ],
)
def test_a_plain_call_is_read_as_typer_reads_it(words: list[str]) -> None:
    found = quickly_read(["predict", *words])
    assert found is not None
    assert found == read_by_typer(["predict", *words])


WORDS = ["model", "a", "", "-", "--", "--json", "--json=1", "--tasks", "--tasks=a", "--input", "--threads", "2", "-2"]


@given(st.lists(st.sampled_from(WORDS), max_size=5))
def test_no_call_is_read_in_another_way_than_typers(words: list[str]) -> None:
    found = quickly_read(["predict", *words])
    assert found is None or found == read_by_typer(["predict", *words])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--version"],
        ["train", "model"],
        ["predict"],
        ["predict", "--help"],
        ["predict", "model", "--help"],
        ["predict", "", "a text"],
        ["predict", "model", "-"],
        ["predict", "model", "--", "--json"],
        ["predict", "model", "--nonsense"],
        ["predict", "model", "--jso", "a text"],
        ["predict", "model", "--json=yes", "a text"],
        ["predict", "model", "a text", "--engine"],
        ["predict", "model", "a text", "--engine="],
        ["predict", "model", "--engine", "--json", "a text"],
        ["predict", "model", "--engine", "onnx", "--engine", "torch", "a text"],
        ["predict", "model", "a text", "--threads", "0"],
        ["predict", "model", "a text", "--threads", "two"],
        ["predict", "model", "a text", "--threads", "²"],
    ],
)
def test_what_is_not_plain_is_left_to_typer(words: list[str]) -> None:
    assert quickly_read(words) is None


def test_where_shells_expand_no_patterns_all_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quickly_read(["predict", "model", "a text"]) is not None
    monkeypatch.setattr("polyhead.cli.quick.os.name", "nt")
    assert quickly_read(["predict", "model", "a text"]) is None
