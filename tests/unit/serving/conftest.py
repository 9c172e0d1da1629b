# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here

import asyncio
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.testclient import TestClient

from polyhead.serving.app import Access, create_app
from polyhead.serving.limits import Limits

STAND_IN = Path(__file__).parents[2] / "stand_ins" / "keyword_server.py"

Start = Callable[..., TestClient]


@pytest.fixture(scope="session")
def stand_in() -> ModuleType:
    """Return the model that answers by keywords, and what serves it."""
    specification = importlib.util.spec_from_file_location("keyword_server", STAND_IN)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "news"
    made.mkdir()
    (made / "polyhead.json").write_text("{}")
    return made


@pytest.fixture
def start(stand_in: ModuleType, folder: Path) -> Iterator[Start]:
    """Start a server in this process; its client speaks ASGI."""
    with ExitStack() as stack:

        def started(access: Access | None = None, limits: Limits | None = None, **options: Any) -> TestClient:
            opened = options.pop("opened", True)
            service = stand_in.make_service(options.pop("models", [str(folder)]), limits=limits, **options)
            if opened:
                asyncio.run(service.open_models())
            client = TestClient(create_app(service, access or Access()), raise_server_exceptions=False)
            return stack.enter_context(client)

        yield started


@pytest.fixture
def client(start: Start) -> TestClient:
    return start()
