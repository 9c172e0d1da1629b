"""One connection: closed when its head comes too slowly or when nobody reads what is sent."""

import asyncio

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from polyhead.serving.limits import Limits


class TimedConnection(H11Protocol):
    """Uvicorn's connection with the timeouts that it lacks: slow sockets would stay open for ever.

    The time of a body is limited where it is read, in `Intake`; the pause between requests by Uvicorn itself.

    Args:
        limits: the timeouts, and how many connections may be open.
        config: Uvicorn's.
        server_state: what the connections of a server share.
        app_state: what the lifespan left for requests.
        loop: the event loop; the running one when absent.
    """

    def __init__(
        self,
        limits: Limits,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)
        self._limits = limits
        self._head_timer: asyncio.TimerHandle | None = None
        self._reading_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            transport.abort()
        else:
            self._head_timer = self.loop.call_later(self._limits.header_seconds, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_timer = _stopped(self._head_timer)
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._limits.header_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_timer = self.loop.call_later(self._limits.request_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reading_timer = _stopped(self._reading_timer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer = _stopped(self._head_timer)
        self._reading_timer = _stopped(self._reading_timer)
        super().connection_lost(exc)


def _stopped(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
