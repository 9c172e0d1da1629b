"""Bodies are counted and timed while they come, so that neither a long nor a slow one is ever held."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyhead.serving.limits import Limits
from polyhead.serving.refusals import RefusedError
from polyhead.serving.visit import Visit, visit_of

LINES = (b"application/x-ndjson", b"application/jsonl", b"application/x-jsonlines", b"application/jsonlines")
"""Media types of a stream of lines."""


class Intake:
    """Caps the bytes and the seconds of a request's body.

    A stream of lines may be longer and may last; only the pause between two pieces of it is limited.

    Args:
        app: what reads the body.
        limits: the caps.
    """

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _check_framing(scope)
        _check_packing(scope)
        streams = is_stream(scope)
        cap = self._limits.stream_bytes if streams else self._limits.body_bytes
        if _announced_bytes(scope) > cap:
            raise _too_large(cap)
        await self._app(scope, self._capped(visit_of(scope), receive, cap=cap, streams=streams), send)

    def _capped(self, visit: Visit, receive: Receive, *, cap: int, streams: bool) -> Receive:
        loop = asyncio.get_running_loop()
        seconds = self._limits.body_seconds
        deadline = loop.time() + seconds
        taken = 0

        async def receive_capped() -> Message:
            nonlocal taken
            if visit.body_read:
                return await receive()
            until = loop.time() + seconds if streams else deadline
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                advice = f"a body must come within {seconds:g} seconds. Send it faster, or in several requests."
                raise RefusedError(408, advice) from None
            taken += len(message.get("body", b""))
            if taken > cap:
                raise _too_large(cap)
            visit.body_read = message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        return receive_capped


def is_stream(scope: Scope) -> bool:
    """Tell whether a request's body is a stream of lines."""
    return media_type(scope) in LINES


def media_type(scope: Scope) -> bytes:
    """Return the media type of a request's body, without parameters."""
    given = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return given.partition(b";")[0].strip().lower()


def _check_framing(scope: Scope) -> None:
    """Refuse a body with two lengths: what stands in front of the server might believe the other one."""
    names = {name for name, _ in scope["headers"]}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise RefusedError(400, "a request must not have both `Content-Length` and `Transfer-Encoding`.")


def _check_packing(scope: Scope) -> None:
    """Refuse a packed body: a small one could unpack to more than any cap."""
    packed = (value.strip().lower() for name, value in scope["headers"] if name == b"content-encoding")
    if any(value not in (b"", b"identity") for value in packed):
        raise RefusedError(415, "a body must not be packed. Send it without `Content-Encoding`.")


def _announced_bytes(scope: Scope) -> int:
    given = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(given) if given.isdigit() else 0


def _too_large(cap: int) -> RefusedError:
    advice = "Send fewer texts in a request, or a stream of lines (`application/x-ndjson`)."
    return RefusedError(413, f"a body must have at most {cap:,} bytes. This one has more. {advice}")
