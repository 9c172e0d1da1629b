"""How much a client may ask of the server; each limit is a flag of `polyhead serve`."""

from dataclasses import dataclass, fields

from polyhead.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a request, a connection and the queue may take.

    Args:
        body_bytes: the longest body, and the longest line of a stream; more is 413.
        stream_bytes: the longest stream of lines in all; more ends it.
        texts: texts of a request; more is 422.
        characters: characters of a text; more is 422. They are counted before tokenizing, which is slow.
        queue_texts: texts that wait at once; more is 503.
        queue_seconds: the longest time until a request's first pass has ended; longer is 503.
        request_seconds: the longest time for an answer; longer is 504.
        header_seconds: the longest time for a request's head; longer closes the connection.
        body_seconds: the longest time for a body, or between two pieces of a stream; longer is 408.
        idle_seconds: how long a connection may wait for its next request.
        connections: open connections; a further one gets a 503.
        drain_seconds: the longest time to finish requests after SIGTERM.
    """

    body_bytes: int = 2 * 1024 * 1024
    stream_bytes: int = 256 * 1024 * 1024
    texts: int = 256
    characters: int = 50_000
    queue_texts: int = 4096
    queue_seconds: float = 5.0
    request_seconds: float = 30.0
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    idle_seconds: float = 10.0
    connections: int = 1024
    drain_seconds: float = 8.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                message = f"`{field.name}` must be greater than 0. Found {value}."
                raise UsageError(message)
