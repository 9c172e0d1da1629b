"""What is known about one request while it is answered: for the log, the metrics and the response's headers."""

import re
import secrets
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import Any

from starlette.types import Scope

from polyhead.serving.refusals import RefusedError

SCOPE_KEY = "polyhead.visit"
GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# A random number for each request would be a system call, after which the event loop waits for its turn again.
_PROCESS = secrets.token_hex(8)
_NUMBERS = count()


@dataclass(slots=True)
class Visit:
    """One request.

    Args:
        request_id: the client's own, when it is harmless in a log; made up otherwise.
        route: the path's pattern; what the client wrote never goes into a log.
        seconds: time by stage.
    """

    request_id: str
    method: str
    came: float = field(default_factory=perf_counter)
    route: str = "none"
    model: str = ""
    texts: int = 0
    characters: int = 0
    tokens: int = 0
    status: int = 0
    refusal: RefusedError | None = None
    body_read: bool = False
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def lasted(self) -> float:
        """Tell how many seconds ago the request came."""
        return perf_counter() - self.came

    def to_log(self) -> dict[str, Any]:
        """Return the fields of its log line."""
        return {
            "request_id": self.request_id,
            "method": self.method,
            "route": self.route,
            "status": self.status,
            "milliseconds": round(1000 * self.lasted, 2),
            "model": self.model,
            "texts": self.texts,
            "characters": self.characters,
            "tokens": self.tokens,
            "error": None if self.refusal is None else self.refusal.kind,
            "stages": {stage: round(1000 * spent, 2) for stage, spent in self.seconds.items()},
        }

    def to_trace(self) -> dict[str, str | int | float]:
        """Return what a trace holds about it: sizes and times as in the log, nothing that the client wrote."""
        sizes = {"texts": self.texts, "characters": self.characters, "tokens": self.tokens}
        stages = {f"{stage}_milliseconds": 1000 * spent for stage, spent in self.seconds.items()}
        fields = {"request_id": self.request_id, "model": self.model, **sizes, **stages}
        return {"url.path": self.route, "url.query": "", **{f"polyhead.{name}": of for name, of in fields.items()}}

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the response's headers about the request."""
        headers = [(b"x-request-id", self.request_id.encode())]
        if self.model:
            headers.append((b"x-model-version", self.model.encode()))
        if self.tokens:
            headers.append((b"x-tokens", str(self.tokens).encode()))
        if self.seconds:
            spent = {**self.seconds, "total": self.lasted}
            timing = ", ".join(f"{stage};dur={1000 * seconds:.2f}" for stage, seconds in spent.items())
            headers.append((b"server-timing", timing.encode()))
        return headers


def new_visit(scope: Scope) -> Visit:
    """Begin the record of a request, and leave it in its scope."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    request_id = given if GOOD_ID.fullmatch(given) else f"{_PROCESS}{next(_NUMBERS):08x}"
    known = {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}
    visit = Visit(request_id=request_id, method=scope["method"] if scope["method"] in known else "other")
    scope[SCOPE_KEY] = visit
    return visit


def visit_of(scope: Scope) -> Visit:
    """Return the record of a request."""
    return scope[SCOPE_KEY]
