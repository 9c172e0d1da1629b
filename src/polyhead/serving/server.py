"""The process: signals, loading, draining, and how it ends."""

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from functools import partial
from math import ceil
from typing import Any

import uvicorn
from fastapi import FastAPI

from polyhead.errors import PolyheadError, UsageError
from polyhead.serving.connection import TimedConnection
from polyhead.serving.doorstep import Doorstep
from polyhead.serving.journal import log, log_failure
from polyhead.serving.open_files import SPARE_FILES, allow_files
from polyhead.serving.service import Service

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the interpreter while another one waits for it."""


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT, finishes what is in flight, and ends in peace; SIGHUP reloads the models.

    Args:
        app: what answers.
        service: what the app answers with.
        host: the address to listen on.
        port: the port; 0 takes a free one, which the log tells.
        notice_seconds: how long requests are still answered after SIGTERM while `/ready` says no already.
    """

    def __init__(self, app: FastAPI, service: Service, *, host: str, port: int, notice_seconds: float = 0.0) -> None:
        limits, doorstep = service.limits, Doorstep(service.limits, service.meter)
        self._files = limits.connections + doorstep.places + SPARE_FILES
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=partial(TimedConnection, limits, doorstep),  # pyright: ignore[reportArgumentType]  called like it
                ws="none",
                loop="asyncio",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=ceil(limits.idle_seconds),
                timeout_graceful_shutdown=ceil(limits.drain_seconds),
            )
        )
        self._service = service
        self._notice_seconds = notice_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: PolyheadError | None = None

    def serve_until_stopped(self) -> None:
        """Listen, load the models, serve, drain.

        Raises:
            PolyheadError: a model cannot be opened.
            UsageError: nobody can listen at the address.
        """
        self._try_the_address()
        # Workers that decode would keep the event loop waiting for Python's usual five milliseconds.
        sys.setswitchinterval(SWITCH_SECONDS)
        if (allowed := allow_files(self._files)) < self._files:
            log("few_files", {"wanted": self._files, "allowed": allowed})
        self.run()
        if self.failure is not None:
            raise self.failure

    def _try_the_address(self) -> None:
        """Listen for a moment: what is wrong then is told in a sentence, which uvicorn has none for."""
        host, port = self.config.host, self.config.port
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            found = f"Found {host!r} and {port}: {error.strerror or error}."
            message = f"`--host` and `--port` must be an address of this machine that is free. {found}"
            raise UsageError(message) from error

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._begin(self._load())

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Handle signals in the event loop, so that the process ends with 0 and not by the signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        actions = {signal.SIGTERM: self._drain, signal.SIGINT: self._drain, signal.SIGHUP: self._reload}
        for number, action in actions.items():
            loop.add_signal_handler(number, action)
        try:
            yield
        finally:
            for number in actions:
                loop.remove_signal_handler(number)

    def _drain(self) -> None:
        if self._service.draining:
            self.force_exit = True
            return
        self._service.draining = True
        log("draining", {})
        asyncio.get_running_loop().call_later(self._notice_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True

    def _reload(self) -> None:
        self._begin(self._service.reload())

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self) -> None:
        try:
            await self._service.open_models()
        except PolyheadError as error:
            self.failure = error
            self.should_exit = True
        except Exception as error:  # noqa: BLE001  whatever a model's files do, the program ends with one readable block
            log_failure("load", error)
            self.failure = PolyheadError(f"a model cannot be opened. Found {type(error).__name__}: {error}.")
            self.should_exit = True
        else:
            log("ready", {"models": {model.name: model.version for model in self._service.models.open}})
