"""Answers about texts: as one document, or as a stream of lines."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from polyhead.serving.bodies import Options, PredictBody, read_body, read_query
from polyhead.serving.intake import is_stream
from polyhead.serving.lines import LINES_TYPE, LineReader, groups_of
from polyhead.serving.routes.asking import PlainRoute, ask, json_response, model_of, tasks_of
from polyhead.serving.service import service_of
from polyhead.serving.streaming import AnswerLines

router = APIRouter(route_class=PlainRoute)


@router.post("/predict")
async def predict(request: Request) -> Response:
    """Answer texts: every task at once, or the tasks that are named.

    A body of the type `application/x-ndjson` is a stream: a text or a row a line, options in the query,
    and an answer a line comes back while lines still come. `Accept: application/x-ndjson` streams answers only.
    """
    model, service = model_of(request), service_of(request)
    if is_stream(request.scope):
        options = read_query(request, Options)
        texts, groups = [], LineReader(request, service.limits).groups()
    else:
        options = await read_body(request, PredictBody)
        texts = options.to_passages()
        service.check(texts)
        groups = groups_of(texts)
    tasks, form = tasks_of(model, options.tasks), service.answer_form(model, options.to_form())
    if not isinstance(options, PredictBody) or LINES_TYPE in request.headers.get("accept", ""):
        return AnswerLines(service, model, groups=groups, tasks=tasks, form=form)
    job = await ask(request, model, texts=texts, tasks=tasks, form=form)
    return json_response(b'{"answers":[' + b",".join(job.results) + b"]}")


router.add_api_route("/models/{name}/predict", predict, methods=["POST"])
