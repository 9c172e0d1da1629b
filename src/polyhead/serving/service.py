"""What the routes talk to: the models, the batcher, and one way to ask them from the event loop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.types import Receive

from polyhead.answers import Answer
from polyhead.serving.batcher import Batcher
from polyhead.serving.collect import Collector
from polyhead.serving.forms import AnswerForm, json_bytes
from polyhead.serving.job import Form, Job, characters_of, longest_side
from polyhead.serving.journal import log
from polyhead.serving.limits import Limits
from polyhead.serving.metrics import Meter
from polyhead.serving.models import Models, Reload, ServedModel
from polyhead.serving.refusals import RefusedError, gone, timed_out
from polyhead.serving.visit import Visit
from polyhead.spans import Floats
from polyhead.text.tokenized import Passage


@dataclass(slots=True)
class Service:
    """Everything that a running server holds.

    Args:
        models: the models, by name.
        batcher: answers jobs.
        limits: what a request may ask.
        meter: the counters.
        collector: keeps uncertain texts, when that was asked for.
        draining: whether the server is about to stop.
    """

    models: Models
    batcher: Batcher
    limits: Limits
    meter: Meter
    collector: Collector | None = None
    draining: bool = False

    @property
    def ready(self) -> bool:
        """Tell whether requests are welcome."""
        return bool(self.models.open) and not self.draining

    async def open_models(self) -> None:
        """Open the models while the server already says that it is alive."""
        await asyncio.to_thread(self.models.open_all)
        self._tell_models()

    async def reload(self) -> list[Reload]:
        """Open the models again, one after the other, while the old ones answer."""
        outcomes = await asyncio.to_thread(self.models.reload)
        self._tell_models()
        for outcome in outcomes:
            log("reload", outcome.to_json())
        return outcomes

    def answer_form(self, model: ServedModel, form: AnswerForm) -> Form:
        """Make what turns an answer into JSON, and lets the meter and the collector see it."""

        def written(answer: Answer, embedding: Floats) -> bytes:
            document = answer.to_json()
            self.meter.see_answer(model.name, document["tasks"])
            if self.collector is not None:
                self.collector.see(model.name, document)
            return json_bytes(form.shaped(document, embedding))

        return written

    async def ask(self, job: Job, visit: Visit, receive: Receive | None = None) -> list[Any]:
        """Wait for the results of a job.

        Args:
            job: what is asked; its `deliver` is set here.
            visit: learns what the job cost.
            receive: tells when the client has gone, so that its texts leave the queue.

        Raises:
            RefusedError: there is too much to do, it took too long, or it failed.
        """
        self.check(job.texts)
        visit.texts += len(job.texts)
        visit.characters += sum(map(characters_of, job.texts))
        if not job.texts:
            return []
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def deliver(_: Job) -> None:
            loop.call_soon_threadsafe(_settle, done)

        job.deliver = deliver
        self.batcher.submit(job)
        watch = None if receive is None else loop.create_task(_gone(receive, done))
        try:
            async with asyncio.timeout(self.limits.request_seconds):
                await done
        except TimeoutError:
            raise self.batcher.too_much(job) or timed_out(self.limits.request_seconds) from None
        finally:
            if watch is not None:
                watch.cancel()
            if not job.done:
                self.batcher.withdraw(job)
        if job.failure is not None:
            raise job.failure
        visit.tokens += job.tokens
        for stage, spent in job.seconds.items():
            visit.seconds[stage] = visit.seconds.get(stage, 0.0) + spent
        return job.results

    def check(self, texts: Sequence[str | Passage]) -> None:
        """Refuse more, or longer, texts than a request may have, before any of them is tokenized.

        Raises:
            RefusedError: there are too many, or one is too long.
        """
        if len(texts) > self.limits.texts:
            advice = "Send them in several requests, or as a stream of lines (`application/x-ndjson`)."
            rule = f"a request must have at most {self.limits.texts:,} texts. Found {len(texts):,}."
            raise RefusedError(422, f"{rule} {advice}")
        for index, text in enumerate(texts):
            if (length := longest_side(text)) > self.limits.characters:
                rule = f"a text must have at most {self.limits.characters:,} characters."
                raise RefusedError(422, f"{rule} Text {index} has {length:,}.")

    def _tell_models(self) -> None:
        self.meter.set_models({model.name: model.version for model in self.models.open})


def service_of(request: Request) -> Service:
    """Return the service behind a request."""
    return request.app.state.service


async def _gone(receive: Receive, done: asyncio.Future[None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not done.done():
        done.set_exception(gone())


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
