import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

import pytest
import typer

import polyhead
from polyhead.cli.app import main
from polyhead.cli.commands import application
from polyhead.errors import DataError, EncoderUnavailableError, Fault, UsageError

Run = Callable[..., Any]

HEAVY = ("torch", "transformers", "accelerate", "pyarrow", "pydantic", "numpy", "matplotlib")


def groups() -> dict[str, Any]:
    return typer.main.get_command(application).commands  # pyright: ignore[reportAttributeAccessIssue]


COMMANDS = list(groups())


def test_the_main_job_is_there_from_its_first_command_to_its_last() -> None:
    main_job = ["demo", "new", "check", "describe", "train", "evaluate", "predict"]
    assert [name for name in COMMANDS if name in main_job] == main_job


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_every_option_has_help(name: str) -> None:
    command = groups()[name]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_names_its_options(run: Run, name: str) -> None:
    finished = run(name, "--help")
    assert finished.status == 0
    assert "Usage:" in finished.out


def test_no_short_help_is_cut(run: Run) -> None:
    assert "..." not in run("--help").out.replace("[TEXT]...", "").replace("COMMAND [ARGS]...", "")


def test_help_imports_nothing_heavy() -> None:
    look = f"""
import sys
sys.argv = ['polyhead', '--help']
from polyhead.cli.app import main
try:
    main()
finally:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"


def test_version_is_the_version_of_the_package(run: Run) -> None:
    finished = run("--version")
    assert (finished.status, finished.out.strip()) == (0, f"polyhead {polyhead.__version__}")


def test_no_command_shows_the_help(run: Run) -> None:
    finished = run()
    assert "Commands:" in finished.out + finished.err
    assert "Traceback" not in finished.err


@pytest.mark.parametrize("words", [["nonsense"], ["train", "recipe.toml"], ["predict"], ["check", "--nonsense"]])
def test_a_wrong_call_leaves_with_two(run: Run, words: list[str]) -> None:
    finished = run(*words)
    assert finished.status == 2
    assert finished.out == ""
    assert "Error" in finished.err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("the call is wrong."), 2),
        (EncoderUnavailableError("no such encoder."), 1),
        (DataError("rows", [Fault("a.jsonl:3", "must be JSON.")]), 1),
    ],
)
def test_an_error_is_one_block_on_stderr_with_its_status(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(folder: Path, **settings: object) -> Never:  # noqa: ARG001
        raise error

    monkeypatch.setattr("polyhead.loading.load", fail)
    finished = run("predict", "model", "a text")
    assert (finished.status, finished.out) == (status, "")
    assert finished.err == f"Error: {error}\n"


def test_what_was_not_foreseen_is_one_block_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.loading.load", lambda folder, **settings: 1 / 0)  # noqa: ARG005
    finished = run("predict", "model", "a text")
    assert finished.status == 1
    assert "ZeroDivisionError" in finished.err
    assert "Traceback" not in finished.err
    assert "POLYHEAD_TRACEBACK=1" in finished.err


def test_the_traceback_is_shown_when_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYHEAD_TRACEBACK", "1")
    monkeypatch.setattr("polyhead.loading.load", lambda folder, **settings: 1 / 0)  # noqa: ARG005
    finished = run("predict", "model", "a text")
    assert finished.status == 1
    assert "Traceback" in finished.err


def test_ctrl_c_leaves_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(folder: Path, **settings: object) -> Never:  # noqa: ARG001
        raise KeyboardInterrupt

    monkeypatch.setattr("polyhead.loading.load", interrupt)
    assert run("predict", "model", "a text").status == 130


def test_a_missing_package_is_named_with_the_line_that_installs_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.cli.extras.find_spec", lambda name: None if name == "pyarrow" else object())
    finished = run("check", "recipe.toml")
    assert finished.status == 2
    assert 'check needs pyarrow. Install it with `pip install "polyhead[train]"`.' in finished.err


def test_streams_that_the_caller_closed_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(folder: Path, **settings: object) -> Never:  # noqa: ARG001
        assert sys.stdin.read() == ""
        message = "read to its end."
        raise UsageError(message)

    monkeypatch.setattr("polyhead.loading.load", closed)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdin", None)
        patch.setattr("sys.argv", ["polyhead", "predict", "model", "a"])
        with pytest.raises(SystemExit, match="2"):
            main()
        sys.stdin.close()


def test_a_full_disk_behind_stdout_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, **settings: object) -> Never:  # noqa: ARG001
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("polyhead.loading.load", full)
    finished = run("predict", "model", "a text")
    assert finished.status == 1
    assert finished.err == "Error: the output cannot be written. Found: No space left on device.\n"
