"""The outermost layer: every request gets an id, a log line, a count, and a clean answer whatever fails inside."""

import asyncio
from contextlib import suppress

from opentelemetry import trace
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from polyhead.serving.journal import log, log_failure
from polyhead.serving.metrics import Meter
from polyhead.serving.refusals import RefusedError, failed, gone
from polyhead.serving.visit import Visit, new_visit

SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
"""Headers that keep browsers from guessing types, and other sites from reading answers."""

LINGER_SECONDS = 2.0
"""How long a refused body is still read, and thrown away: a client that is writing would not see the answer else."""


class Reception:
    """Receives every request.

    Args:
        app: what answers it.
        meter: counts it.
    """

    def __init__(self, app: ASGIApp, *, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = new_visit(scope)
        if scope["method"] == "HEAD":
            # Whatever can be got has a head; the server sends it without the body, by the scope that is its own.
            scope = {**scope, "method": "GET"}
        visit.body_read = not _announces_body(scope)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                visit.route = getattr(scope.get("route"), "path", visit.route)
                # The span of a request ends with its response.
                trace.get_current_span().set_attributes(visit.to_trace())
                message["headers"] = [*message.get("headers", ()), *SECURITY, *visit.headers(), *_closing(visit)]
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except ClientDisconnect:
            await _answer_refusal(visit, gone(), receive, send_marked)
        except RefusedError as error:
            await _answer_refusal(visit, error, receive, send_marked)
        except Exception as error:  # noqa: BLE001  a client never sees what failed inside
            log_failure("request", error, visit.request_id)
            await _answer_refusal(visit, failed(), receive, send_marked)
        finally:
            self._leave(visit)

    def _leave(self, visit: Visit) -> None:
        kind = None if visit.refusal is None else visit.refusal.kind
        self._meter.see_request(
            route=visit.route, method=visit.method, status=visit.status, kind=kind, seconds=visit.lasted
        )
        self._meter.see_stages(visit.seconds)
        log("request", visit.to_log())


async def _answer_refusal(visit: Visit, refusal: RefusedError, receive: Receive, send: Send) -> None:
    visit.refusal = refusal
    # A response that has begun cannot change its mind; the server closes the connection.
    if visit.status:
        return
    body = refusal.body(visit.request_id)
    headers = {"content-type": "application/json", "cache-control": "no-store", **refusal.headers}
    headers["content-length"] = str(len(body))
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if not visit.body_read:
        with suppress(TimeoutError):
            await asyncio.wait_for(_throw_away(receive), LINGER_SECONDS)
    await send({"type": "http.response.body"})


async def _throw_away(receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _announces_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )


def _closing(visit: Visit) -> list[tuple[bytes, bytes]]:
    """Close connections whose body was left unread: nobody may keep one open by sending it slowly."""
    return [] if visit.body_read else [(b"connection", b"close")]
