"""Load for `benchmarks/serving.py`: requests over raw sockets, so that the client costs little beside the server."""
# ruff: noqa: S311  a script that measures, and talks to who started it

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

TIMEOUT_SECONDS = 60

CLIENTS = 32
"""Who ask at once, where nothing else is said."""


@dataclass(slots=True)
class Report:
    """What came back: for each request its status and its seconds, from when it was due until its last byte.

    A request without an answer has the status 0, and what happened is counted by its name.
    """

    statuses: list[int] = field(default_factory=list[int])
    seconds: list[float] = field(default_factory=list[float])
    bodies: dict[int, bytes] = field(default_factory=dict[int, bytes])
    faults: Counter[str] = field(default_factory=Counter[str])
    lasted: float = 0.0

    def percentile(self, share: float, status: int = 200) -> float:
        """Return a percentile of the seconds of the requests that ended so."""
        chosen = [spent for spent, found in zip(self.seconds, self.statuses, strict=True) if found == status]
        return float(np.percentile(chosen, 100 * share)) if chosen else float("nan")

    def rate(self, status: int = 200) -> float:
        """Return the requests a second that ended so."""
        return self.statuses.count(status) / self.lasted


def mixed_texts(model: Path, count: int, seed: int = 0) -> list[str]:
    """Make texts of the length mix: lognormal, median 22 tokens, 95th percentile about 83, at most 410."""
    vocabulary = Tokenizer.from_file(str(model / "tokenizer.json")).get_vocab()
    words = sorted(word for word in vocabulary if word.isalpha() and word.isascii())
    choose = random.Random(seed)
    lengths = [min(410, max(1, round(choose.lognormvariate(np.log(22), 0.807)))) for _ in range(count)]
    return [" ".join(choose.choices(words, k=length)) for length in lengths]


def request_bytes(path: str, document: object) -> bytes:
    """Write a request once, to be sent as often as needed."""
    body = json.dumps(document).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    """One keep-alive connection; it is opened again when the server closes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer; a connection that was closed while nobody used it is opened again."""
        used = self._reader is not None
        try:
            return await self._asked(request)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.close()
            if not used or getattr(error, "partial", b""):
                raise
        return await self._asked(request)

    async def _asked(self, request: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        """Let go of the socket."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def _timed(connection: Connection, request: bytes, *, since: float, report: Report, number: int) -> None:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status, body = await connection.ask(request)
    except (OSError, asyncio.IncompleteReadError) as error:
        connection.close()
        report.faults[type(error).__name__] += 1
        status, body = 0, b""
    report.statuses.append(status)
    report.seconds.append(time.perf_counter() - since)
    report.bodies[number] = body


async def closed_loop(port: int, requests: Sequence[bytes], *, clients: int) -> Report:
    """Ask with a number of clients, each of which waits for its answer before it asks again."""
    report, source = Report(), iter(enumerate(requests))
    began = time.perf_counter()

    async def client() -> None:
        connection = Connection(port)
        for number, request in source:
            await _timed(connection, request, since=time.perf_counter(), report=report, number=number)
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    report.lasted = time.perf_counter() - began
    return report


async def open_loop(port: int, requests: Sequence[bytes], *, rate: float, seed: int = 0) -> Report:
    """Ask at random moments, so many a second on average, whether or not answers come back."""
    report, free = Report(), [Connection(port) for _ in range(8)]
    began = time.perf_counter()
    pending: set[asyncio.Task[None]] = set()

    async def one(number: int, due: float) -> None:
        connection = free.pop() if free else Connection(port)
        await _timed(connection, requests[number], since=due, report=report, number=number)
        free.append(connection)

    for number, due in enumerate(_moments(began, rate, len(requests), seed)):
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        task = asyncio.create_task(one(number, due))
        pending.add(task)
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)
    report.lasted = time.perf_counter() - began
    for connection in free:
        connection.close()
    return report


def _moments(began: float, rate: float, count: int, seed: int) -> Iterator[float]:
    choose, due = random.Random(seed), began
    for _ in range(count):
        due += choose.expovariate(rate)
        yield due
