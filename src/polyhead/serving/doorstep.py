"""Connections over the cap: each is told to come again, and let go, for next to nothing."""

import asyncio
from collections.abc import Callable

from polyhead.serving.limits import Limits
from polyhead.serving.metrics import Meter
from polyhead.serving.refusals import RefusedError, canned

LINGER_SECONDS = 2.0
"""How long a connection over the cap may take to ask and to read its refusal."""

LEAST_PLACES = 256
"""How many may be turned away at a time, however low the cap is: a crowd comes at once."""

RETRY_SECONDS = 1.0
FULL = canned(
    RefusedError(
        503,
        "the server has as many connections open as it may. Try again after `Retry-After` seconds.",
        retry_after=RETRY_SECONDS,
    )
)
ALIVE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\n"
    b'connection: close\r\ncontent-length: 14\r\n\r\n{"alive":true}'
)
"""A full server is alive: whoever restarted it for that would make things worse."""

HEALTH = (b"GET /health ", b"HEAD /health ")


class Doorstep:
    """Where connections over the cap get their answer.

    Args:
        limits: how many connections may be open; as many may be turned away at a time, and `LEAST_PLACES` at least.
        meter: counts who was turned away.
    """

    def __init__(self, limits: Limits, meter: Meter) -> None:
        self.places = max(limits.connections, LEAST_PLACES)
        self._meter = meter
        self._visitors: dict[TurnedAway, None] = {}

    def receive(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        """Take over a connection that has just been made."""
        if len(self._visitors) >= self.places:
            # Who has been here longest had the most time to ask and to read, and is silent where the others are many.
            next(iter(self._visitors)).leave()
        visitor = TurnedAway(transport, loop, left=lambda: self._visitors.pop(visitor, None))
        self._visitors[visitor] = None
        transport.set_protocol(visitor)
        self._meter.see_turned_away()


class TurnedAway(asyncio.Protocol):
    """A connection that is answered without a look at what it asks.

    It is answered when its request begins to come, for clients take an answer to nothing for a broken connection. What
    still comes is thrown away: closing a socket with unread bytes resets the connection, and the answer would be lost.

    Args:
        transport: the connection.
        loop: the event loop.
        left: is called when it has gone.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, left: Callable[[], object]
    ) -> None:
        self._transport = transport
        self._left = left
        self._answered = False
        self._timer = loop.call_later(LINGER_SECONDS, self.leave)

    def data_received(self, data: bytes) -> None:
        self._answer(ALIVE if data.startswith(HEALTH) else FULL)

    def leave(self) -> None:
        """Close the connection; who has not asked yet learns why."""
        self._answer(FULL)
        self._transport.close()
        self._left()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._timer.cancel()
        self._left()

    def _answer(self, response: bytes) -> None:
        if not self._answered:
            self._answered = True
            self._transport.write(response)
