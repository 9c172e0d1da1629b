"""Answers as lines, sent while texts still come."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from polyhead.serving.forms import json_bytes
from polyhead.serving.job import Form, Job
from polyhead.serving.journal import log_failure
from polyhead.serving.lines import LINES_TYPE, Line
from polyhead.serving.models import ServedModel
from polyhead.serving.refusals import RefusedError, failed
from polyhead.serving.service import Service
from polyhead.serving.visit import Visit, visit_of
from polyhead.text.tokenized import Passage

AHEAD = 4
"""Groups that are asked before the first of them is sent: enough to keep the workers busy."""

RETRY_SECONDS = 0.1
"""Pause before a group is asked again when the queue is full: a stream waits where a single request is refused."""


class AnswerLines(Response):
    """Sends an answer a line, in the order of the texts; a line that holds no text gets an error in its place.

    Args:
        service: answers the texts.
        model: the model that is asked.
        groups: texts, as they come.
        tasks: what is asked.
        form: writes an answer.
    """

    media_type = LINES_TYPE

    def __init__(
        self,
        service: Service,
        model: ServedModel,
        *,
        groups: AsyncIterator[list[Line]],
        tasks: Sequence[str],
        form: Form,
    ) -> None:
        super().__init__()
        self._service = service
        self._model = model
        self._groups = groups
        self._tasks = tuple(tasks)
        self._form = form
        self._asked: asyncio.Queue[asyncio.Task[bytes] | None] = asyncio.Queue(AHEAD)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        visit = visit_of(scope)
        headers = [(b"content-type", LINES_TYPE.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        feeding = asyncio.create_task(self._feed(visit))
        try:
            while (task := await self._asked.get()) is not None:
                await send({"type": "http.response.body", "body": await task, "more_body": True})
            await feeding
        except ClientDisconnect:
            return
        finally:
            feeding.cancel()
            while not self._asked.empty():
                if (task := self._asked.get_nowait()) is not None:
                    task.cancel()
        await send({"type": "http.response.body"})

    async def _feed(self, visit: Visit) -> None:
        number = 1
        try:
            async for group in self._groups:
                await self._asked.put(asyncio.create_task(self._answered(group, number, visit)))
                number += len(group)
        finally:
            await self._asked.put(None)

    async def _answered(self, group: list[Line], number: int, visit: Visit) -> bytes:
        texts = [line for line in group if not isinstance(line, RefusedError)]
        try:
            results = iter(await self._results(texts, visit))
        except RefusedError as error:
            group = [error] * len(group)
            results = iter(())
        except Exception as error:  # noqa: BLE001  the response has begun, so that the fault can only be told in it
            log_failure("stream", error, visit.request_id)
            group = [failed()] * len(group)
            results = iter(())
        lines = [
            _fault(line, place, visit) if isinstance(line, RefusedError) else next(results)
            for place, line in enumerate(group, start=number)
        ]
        return b"\n".join(lines) + b"\n"

    async def _results(self, texts: Sequence[str | Passage], visit: Visit) -> Sequence[bytes]:
        while True:
            job = Job(self._model.predictor, texts, self._tasks, self._form, deliver=lambda _: None)
            try:
                return await self._service.ask(job, visit)
            except RefusedError as error:
                if error.status != 503:  # noqa: PLR2004  overloaded
                    raise
            await asyncio.sleep(RETRY_SECONDS)


def _fault(refusal: RefusedError, place: int, visit: Visit) -> bytes:
    document = refusal.document(visit.request_id)
    return json_bytes({"error": {**document["error"], "line": place}})
