"""What the routes that answer texts have in common."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from polyhead.errors import did_you_mean
from polyhead.serving.job import Form, Job
from polyhead.serving.models import ServedModel
from polyhead.serving.refusals import RefusedError
from polyhead.serving.service import service_of
from polyhead.serving.visit import visit_of
from polyhead.text.tokenized import Passage


class PlainRoute(APIRoute):
    """A route whose function takes the request and returns the response, with nothing of FastAPI's in between.

    Bodies are read by `read_body`, so there are no parameters to look for, which costs more than all else on the way.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


def model_of(request: Request, name: str | None = None) -> ServedModel:
    """Return the model that a request asks: named in its path or its body, the default one else."""
    chosen = request.path_params.get("name", name)
    model = service_of(request).models.get(chosen)
    visit_of(request.scope).model = f"{model.name}@{model.version}"
    return model


def tasks_of(model: ServedModel, given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the tasks that are asked, each once.

    Raises:
        RefusedError: the model has no such task.
    """
    known = model.predictor.tasks
    if given is None:
        return tuple(known)
    for place, name in enumerate(given):
        if name not in known:
            rule = f"`tasks` must name tasks of the model: {', '.join(map(repr, known))}."
            raise RefusedError(422, f"{rule} `tasks[{place}]` is another word{did_you_mean(name, known)}")
    return tuple(dict.fromkeys(given))


async def ask(
    request: Request, model: ServedModel, *, texts: Sequence[str | Passage], tasks: Sequence[str], form: Form
) -> Job:
    """Ask about texts on behalf of a request, and return the job when its results are there."""
    job = Job(model.predictor, texts, tuple(tasks), form, deliver=lambda _: None)
    await service_of(request).ask(job, visit_of(request.scope), request.receive)
    return job


def json_response(content: bytes) -> Response:
    """Answer with JSON that is written already."""
    return Response(content, media_type="application/json", headers={"cache-control": "no-store"})
