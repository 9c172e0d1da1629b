"""One connection: closed when its head comes too slowly or when nobody reads what is sent."""

import asyncio

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from polyhead.serving.doorstep import Doorstep
from polyhead.serving.limits import Limits
from polyhead.serving.refusals import RefusedError, canned

HELD_BYTES = 64 * 1024
"""Bytes that are held back until the event loop has its next turn; more are sent at once."""

NO_HTTP = canned(RefusedError(400, "a request must be HTTP/1.1 with a head of at most 64 KiB."))
"""The answer to what cannot be read as HTTP."""


class TimedConnection(H11Protocol):
    """Uvicorn's connection with the timeouts that it lacks: slow sockets would stay open for ever.

    The time of a body is limited where it is read, in `Intake`; the pause between requests by Uvicorn itself.

    Args:
        limits: the timeouts, and how many connections may be open.
        doorstep: answers the connections over that.
        config: Uvicorn's.
        server_state: what the connections of a server share.
        app_state: what the lifespan left for requests.
        loop: the event loop; the running one when absent.
    """

    def __init__(
        self,
        limits: Limits,
        doorstep: Doorstep,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state, _loop=_loop)
        self._limits = limits
        self._doorstep = doorstep
        self._head_timer: asyncio.TimerHandle | None = None
        self._reading_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self._limits.connections:
            self._doorstep.receive(transport, self.loop)
            return
        super().connection_made(JoinedWrites(transport, self.loop))
        self._head_timer = self.loop.call_later(self._limits.header_seconds, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_timer = _stopped(self._head_timer)
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(self._limits.header_seconds, self.transport.abort)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  Uvicorn's words are for its log
        """Answer what is no HTTP in the shape of every other refusal."""
        self.transport.write(NO_HTTP if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE} else b"")
        self.transport.close()

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


class JoinedWrites(asyncio.Transport):
    """A transport that sends what is written in one go of the event loop with one call of the system.

    Uvicorn writes the head and the body of a response apart. Each call would cost time, let another thread take the
    interpreter, and wait to get it back.

    Args:
        transport: what sends.
        loop: the event loop.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._held = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not data:
            return
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(bytes(data))
        self._held += len(data)
        if self._held > HELD_BYTES:
            self._send()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def abort(self) -> None:
        self._parts.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def _send(self) -> None:
        parts, self._parts, self._held = self._parts, [], 0
        if parts:
            self._transport.write(b"".join(parts))


def _stopped(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
