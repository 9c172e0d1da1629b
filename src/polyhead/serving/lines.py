"""A stream of lines, read while it comes: texts and faults in their order, a bounded part of it in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from polyhead.serving.bodies import RowBody, parse
from polyhead.serving.job import characters_of, longest_side
from polyhead.serving.limits import Limits
from polyhead.serving.refusals import RefusedError
from polyhead.text.tokenized import Passage

LINES_TYPE = "application/x-ndjson"
GROUP_TEXTS = 64
GROUP_CHARACTERS = 32_000

SPOOL_BYTES = 16 * 1024 * 1024
"""What is read ahead of the answers. A client that writes everything before it reads is served up to this size."""

Line = str | Passage | RefusedError
"""What is to be answered, or why the line holds nothing."""

_TEXT: TypeAdapter[str] = TypeAdapter(str)


async def groups_of(texts: Sequence[str | Passage]) -> AsyncIterator[list[Line]]:
    """Cut texts that are all there into groups that are answered together."""
    for group in _cut(list(texts)):
        yield group


class LineReader:
    """Reads lines from a request ahead of the answers.

    Args:
        request: whose body is a stream of lines.
        limits: how long a line and a text may be.
    """

    def __init__(self, request: Request, limits: Limits) -> None:
        self._request = request
        self._limits = limits
        self._lines: list[Line] = []
        self._bytes = 0
        self._ended = False
        self._changed = asyncio.Condition()

    async def groups(self) -> AsyncIterator[list[Line]]:
        """Yield what has come, as soon as something has."""
        reading = asyncio.create_task(self._read())
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._lines or self._ended)
                    lines, self._lines, self._bytes = self._lines, [], 0
                    self._changed.notify_all()
                if not lines:
                    break
                for group in _cut(lines):
                    yield group
            await reading
        finally:
            reading.cancel()

    async def _read(self) -> None:
        rest = b""
        try:
            async for chunk in self._request.stream():
                *whole, rest = (rest + chunk).split(b"\n")
                if len(rest) > self._limits.body_bytes:
                    whole, rest = [*whole, rest], b""
                await self._put(whole)
                if whole and len(whole[-1]) > self._limits.body_bytes:
                    break
            await self._put([rest])
        except RefusedError as error:
            # The answers that were asked before are still sent; the last line says why there are no more.
            self._lines.append(error)
        finally:
            async with self._changed:
                self._ended = True
                self._changed.notify_all()

    async def _put(self, lines: Sequence[bytes]) -> None:
        found = [self._line(line) for line in lines if line.strip()]
        async with self._changed:
            self._lines += found
            self._bytes += sum(map(len, lines))
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._bytes <= SPOOL_BYTES)

    def _line(self, line: bytes) -> Line:
        if len(line) > self._limits.body_bytes:
            return RefusedError(413, f"a line must have at most {self._limits.body_bytes:,} bytes.")
        try:
            text = _read(line)
        except RefusedError as error:
            return error
        if (length := longest_side(text)) > self._limits.characters:
            rule = f"a text must have at most {self._limits.characters:,} characters."
            return RefusedError(422, f"{rule} This one has {length:,}.")
        return text


def _read(line: bytes) -> str | Passage:
    """Read a line: a JSON string, or a row."""
    if not line.lstrip().startswith(b'"'):
        return parse(line, RowBody).to_passage()
    try:
        return _TEXT.validate_json(line)
    except ValidationError:
        raise RefusedError(400, "a line must be one JSON document in UTF-8, without lone surrogates.") from None


def _cut(lines: list[Line]) -> Iterator[list[Line]]:
    group: list[Line] = []
    characters = 0
    for line in lines:
        length = 0 if isinstance(line, RefusedError) else characters_of(line)
        if group and (len(group) == GROUP_TEXTS or characters + length > GROUP_CHARACTERS):
            yield group
            group, characters = [], 0
        group.append(line)
        characters += length
    if group:
        yield group
