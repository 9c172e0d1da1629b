"""Tells the event loop which requests are done, all that end together in one call."""

import asyncio
from collections import deque


class Postbox:
    """Takes what workers have finished to the event loop.

    Each call into another thread's loop is a call of the system, around which the interpreter changes hands; the
    requests of one pass of the encoder need one.

    Args:
        loop: the event loop whose futures are put in.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._done: deque[asyncio.Future[None]] = deque()
        self._called = False

    def put(self, done: asyncio.Future[None]) -> None:
        """Let a future be settled soon; called on a worker's thread."""
        self._done.append(done)
        # Who is called takes this back before it looks, so that what is put in meanwhile is found or calls again.
        if not self._called:
            self._called = True
            self.loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        self._called = False
        while self._done:
            done = self._done.popleft()
            if not done.done():
                done.set_result(None)
