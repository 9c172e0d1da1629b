"""Why a request gets no answer: one error, one shape, never a word of what the client sent."""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus

from polyhead.errors import PolyheadError

KINDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "slow_body",
    409: "refused_model",
    413: "too_large",
    415: "unsupported_media_type",
    421: "wrong_host",
    422: "invalid",
    499: "client_gone",
    500: "internal",
    503: "overloaded",
    504: "timeout",
}
"""The word for each status that the server may answer beside 200."""


class RefusedError(PolyheadError):
    """A request that the server does not answer.

    Args:
        status: the HTTP status.
        message: rule, what was found in words of our own, what to do; never the client's own words.
        retry_after: seconds after which it makes sense to try again.
        headers: further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = KINDS[status]
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["retry-after"] = str(max(1, math.ceil(retry_after)))

    def body(self, request_id: str) -> bytes:
        """Return the JSON document that the client gets."""
        return json.dumps(self.document(request_id)).encode()

    def document(self, request_id: str) -> dict[str, dict[str, str]]:
        """Return the same as plain Python values."""
        return {"error": {"type": self.kind, "message": str(self), "request_id": request_id}}


def canned(refusal: RefusedError) -> bytes:
    """Write a whole response once, for connections that never reach the application; it ends the connection."""
    status, body = HTTPStatus(refusal.status), refusal.body("none")
    headers = {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "connection": "close",
        "content-length": str(len(body)),
        **refusal.headers,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "", "")).encode() + body


def plainly_refused(status: int, headers: Mapping[str, str] | None = None) -> RefusedError:
    """Refuse with the status's own words, where there is nothing to add."""
    known = status if status in KINDS else 400
    return RefusedError(known, f"{HTTPStatus(known).phrase}.", headers=headers)


def overloaded(wait_seconds: float) -> RefusedError:
    """Refuse for too much load, and say when to come again."""
    message = "the server has more texts waiting than it can answer in time. Try again after `Retry-After` seconds."
    return RefusedError(503, message, retry_after=wait_seconds)


def timed_out(seconds: float) -> RefusedError:
    """Refuse because the answer took too long; its texts are no longer waited for."""
    return RefusedError(504, f"an answer must be ready within {seconds:g} seconds. Send fewer texts in a request.")


def too_much(seconds: float) -> RefusedError:
    """Refuse because the texts are more than the server can answer in the time of one request, whoever else asks."""
    rule = f"a request must hold no more than is answered within {seconds:g} seconds."
    return RefusedError(413, f"{rule} Send fewer texts in one, or shorter ones.")


def failed() -> RefusedError:
    """Refuse for a fault of ours; the log has its place under the request's id."""
    return RefusedError(500, "the server failed. Its log has the place under this request's id.")


def gone() -> RefusedError:
    """Give up: nobody reads the answer any more."""
    return RefusedError(499, "the client has gone.")
