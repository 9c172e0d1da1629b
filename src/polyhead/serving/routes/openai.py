"""Embeddings in OpenAI's shape, so that its clients only change their address."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyhead.answers import Answer
from polyhead.serving.bodies import EmbeddingsBody, read_body
from polyhead.serving.refusals import RefusedError
from polyhead.serving.routes.asking import PlainRoute, ask, json_response, model_of
from polyhead.serving.service import service_of
from polyhead.spans import Floats

router = APIRouter(prefix="/v1", route_class=PlainRoute)


@router.post("/embeddings")
async def embeddings(request: Request) -> Response:
    """Return the sentence embedding of each text."""
    body = await read_body(request, EmbeddingsBody)
    models = service_of(request).models
    # Clients must name some model; while there is one, any name means it.
    model = model_of(request, body.model if len(models.names) > 1 and body.model else None)
    if body.dimensions not in (None, model.width):
        raise RefusedError(422, f"`dimensions` must be {model.width}, the width of the model, or absent.")
    texts = [body.input] if isinstance(body.input, str) else body.input
    job = await ask(request, model, texts=texts, tasks=(), form=_FORMS[body.encoding_format])
    refuse_truncated(job.results)
    data = [
        f'{{"object":"embedding","index":{index},"embedding":{vector}}}'
        for index, (_, vector) in enumerate(job.results)
    ]
    usage = json.dumps({"prompt_tokens": job.tokens, "total_tokens": job.tokens})
    name = json.dumps(model.name)
    document = f'{{"object":"list","data":[{",".join(data)}],"model":{name},"usage":{usage}}}'
    return json_response(document.encode())


@router.get("/models")
async def models(request: Request) -> JSONResponse:
    """List the models as OpenAI's clients expect them."""
    names = service_of(request).models.names
    listed = [{"id": name, "object": "model", "owned_by": "polyhead"} for name in names]
    return JSONResponse({"object": "list", "data": listed})


def refuse_truncated(results: Sequence[tuple[bool, Any]]) -> None:
    """Refuse texts that the encoder cannot read to their end; these shapes have no field that could say so.

    Raises:
        RefusedError: a text was cut.
    """
    cut = [index for index, (truncated, _) in enumerate(results) if truncated]
    if cut:
        rule = "a text must not be longer than the encoder reads."
        raise RefusedError(413, f"{rule} Text {cut[0]} is longer. Cut it, or ask for it with `POST /predict`.")


def _as_numbers(answer: Answer, embedding: Floats) -> tuple[bool, str]:
    return answer.truncated, json.dumps(embedding.astype(np.float32).tolist(), allow_nan=False)


def _as_base64(answer: Answer, embedding: Floats) -> tuple[bool, str]:
    return answer.truncated, f'"{base64.b64encode(embedding.astype("<f4").tobytes()).decode()}"'


_FORMS = {"float": _as_numbers, "base64": _as_base64}
