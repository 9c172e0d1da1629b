"""The shapes of Hugging Face's text-embeddings-inference, so that its clients only change their address."""

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from polyhead.answers import Answer
from polyhead.serving.bodies import TeiEmbedBody, TeiPredictBody, read_body
from polyhead.serving.forms import json_bytes
from polyhead.serving.models import ServedModel
from polyhead.serving.refusals import RefusedError
from polyhead.serving.routes.asking import PlainRoute, ask, json_response, model_of
from polyhead.serving.routes.openai import refuse_truncated
from polyhead.spans import Floats
from polyhead.text.tokenized import Passage

router = APIRouter(route_class=PlainRoute)

TEXTS_OF_A_PAIR = 2


@router.post("/tei/embed")
async def embed(request: Request) -> Response:
    """Return an embedding a text, of length 1 unless `normalize` is false."""
    body = await read_body(request, TeiEmbedBody)
    texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs

    def form(answer: Answer, embedding: Floats) -> tuple[bool, bytes]:
        vector = embedding / max(float(np.linalg.norm(embedding)), 1e-12) if body.normalize else embedding
        return answer.truncated, json_bytes(vector.tolist())

    job = await ask(request, model_of(request), texts=texts, tasks=(), form=form)
    if not body.truncate:
        refuse_truncated(job.results)
    return json_response(b"[" + b",".join(vector for _, vector in job.results) + b"]")


@router.post("/tei/predict")
async def predict(request: Request) -> Response:
    """Return the labels of one task, the most probable first: a list for a text, a list of lists for a batch."""
    model = model_of(request)
    task = _task_of(model, request.query_params.get("task"))
    body = await read_body(request, TeiPredictBody)
    texts, batch = _texts_of(body.inputs)

    def form(answer: Answer, embedding: Floats) -> tuple[bool, bytes]:  # noqa: ARG001
        scores = answer.tasks[task].to_json()["scores"]
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        return answer.truncated, json_bytes([{"score": score, "label": label} for label, score in ranked])

    job = await ask(request, model, texts=texts, tasks=(task,), form=form)
    if not body.truncate:
        refuse_truncated(job.results)
    found = [labels for _, labels in job.results]
    return json_response(found[0] if not batch else b"[" + b",".join(found) + b"]")


router.add_api_route("/models/{name}/tei/embed", embed, methods=["POST"])
router.add_api_route("/models/{name}/tei/predict", predict, methods=["POST"])


def scored_tasks(model: ServedModel) -> tuple[str, ...]:
    """List the tasks of a model that score labels for a whole text."""
    return tuple(
        name for name, task in model.predictor.tasks.items() if task.level == "text" and getattr(task, "labels", None)
    )


def _task_of(model: ServedModel, given: str | None) -> str:
    known = scored_tasks(model)
    if given in known:
        return given
    if given is None and len(known) == 1:
        return known[0]
    raise RefusedError(
        422, f"`?task=` must name a task that scores labels: {', '.join(map(repr, known)) or 'none here'}."
    )


def _texts_of(inputs: str | list[str] | list[list[str]]) -> tuple[list[str | Passage], bool]:
    """Return the texts and pairs, and whether they are a batch; a flat list of two is a pair, as it is there."""
    if isinstance(inputs, str):
        return [inputs], False
    rows = [row for row in inputs if isinstance(row, list)]
    if len(rows) < len(inputs) or not inputs:
        rows = [[text for text in inputs if isinstance(text, str)]]
    batch = rows == inputs
    if not all(1 <= len(row) <= TEXTS_OF_A_PAIR for row in rows):
        message = '`inputs` must be a text, a pair ["a", "b"], or a batch of either in lists: [["a"], ["b"]].'
        raise RefusedError(422, message)
    return [row[0] if len(row) == 1 else Passage(row[0], row[1]) for row in rows], batch
