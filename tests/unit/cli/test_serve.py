from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from polyhead.cli import serve as command
from polyhead.serving.server import Server

Run = Callable[..., Any]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    """Collect the servers that would listen."""
    servers: list[Server] = []
    monkeypatch.setattr(Server, "serve_until_stopped", lambda server: servers.append(server))  # noqa: PLW0108  a method binds
    monkeypatch.setattr("polyhead.serving.journal.log_to_stderr", lambda: None)
    return servers


def test_it_listens_on_this_machine_only(run: Run, started: list[Server]) -> None:
    assert run("serve", "model").status == 0
    (server,) = started
    assert (server.config.host, server.config.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example"])  # noqa: S104
def test_another_address_needs_a_key_or_consent(run: Run, started: list[Server], tmp_path: Path, host: str) -> None:
    refused = run("serve", "model", "--host", host)
    assert refused.status == 2
    assert "--api-key-file" in refused.err
    assert "--insecure" in refused.err
    (tmp_path / "keys").write_text("key\n")
    # An admin key alone would leave no way in for anyone else, so it does not count.
    assert run("serve", "model", "--host", host, "--admin-key-file", tmp_path / "keys").status == 2
    assert not started
    assert run("serve", "model", "--host", host, "--insecure").status == 0
    assert run("serve", "model", "--host", host, "--api-key-file", tmp_path / "keys").status == 0
    assert len(started) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_every_loopback_address_is_this_machine(run: Run, started: list[Server], host: str) -> None:
    assert run("serve", "model", "--host", host).status == 0
    assert len(started) == 1


def test_every_limit_is_an_option(run: Run, started: list[Server]) -> None:
    options = {
        "--max-body-bytes": 1001,
        "--max-stream-bytes": 1002,
        "--max-texts": 3,
        "--max-characters": 4,
        "--queue-texts": 5,
        "--queue-seconds": 6.5,
        "--request-seconds": 7.5,
        "--header-seconds": 8.5,
        "--body-seconds": 9.5,
        "--idle-seconds": 10.5,
        "--max-connections": 11,
        "--drain-seconds": 12.5,
    }
    assert run("serve", "model", *(word for pair in options.items() for word in pair)).status == 0
    limits = started[0].config.app.state.service.limits
    assert sorted(vars(limits).values()) == sorted(options.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("serve",), "MODEL"),
        (("serve", "model", "--max-texts", "0"), "'--max-texts': Input should be greater than or equal to 1"),
        (("serve", "a/model", "b/model"), "twice"),
        (("serve", "model", "--api-key-file", "absent"), "No such file"),
        (("serve", "model", "--collect", "absent/x.jsonl"), "cannot be collected"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(run: Run, started: list[Server], words: tuple[str, ...], told: str) -> None:
    finished = run(*words)
    assert finished.status in (1, 2)
    assert told in finished.err
    assert not started


def test_the_extra_is_named_where_it_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "uvicorn" else SimpleNamespace())
    finished = run("serve", "model")
    assert finished.status == 2
    assert 'pip install "polyhead[serve]"' in finished.err
