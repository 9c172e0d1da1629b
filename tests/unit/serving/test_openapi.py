"""Requests made up from the OpenAPI document, right and wrong ones: no 5xx, and every answer is as documented."""
# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here

import socket
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from polyhead.serving.app import Access, create_app
from polyhead.serving.limits import Limits
from polyhead.serving.server import Server

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

# Small limits are met often, and small requests are made quickly.
LIMITS = Limits(texts=4, characters=60, body_bytes=20_000)


@pytest.fixture(scope="module")
def api(stand_in: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("api") / "news"
    folder.mkdir()
    (folder / "polyhead.json").write_text("{}")
    service = stand_in.make_service([str(folder)], limits=LIMITS)
    app = create_app(service, Access())
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    server = Server(app, service, host="127.0.0.1", port=port)
    thread = threading.Thread(target=server.serve_until_stopped)
    thread.start()
    while not service.ready:
        time.sleep(0.01)
    yield schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_as_the_document_says(api: Any, mode: str) -> None:
    generated = schemathesis.GenerationMode(mode)
    asked = 0
    for found in api.get_all_operations():
        operation = found.ok()
        if mode == "negative" and operation.body is not None and not list(operation.body):
            # A route without a body has nothing that could be wrong.
            continue

        @given(case=operation.as_strategy(generation_mode=generated))
        @settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
        def answered(case: Any) -> None:
            case.call_and_validate()

        answered()
        asked += 1
    assert asked >= 6
