"""What operators and machines ask: is it alive, is it ready, what does it serve, how does it fare; reload."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyhead.serving.routes.asking import model_of
from polyhead.serving.service import service_of

router = APIRouter()


@router.get("/health")
async def health() -> dict[str, bool]:
    """Tell that the server is alive; needs no key."""
    return {"alive": True}


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    """Tell whether requests are welcome: 503 while models load and while the server stops."""
    welcome = service_of(request).ready
    return JSONResponse({"ready": welcome}, status_code=200 if welcome else 503)


@router.get("/tasks")
async def tasks(request: Request) -> dict[str, Any]:
    """Describe a model's tasks: kind and labels."""
    return model_of(request).to_json()


router.add_api_route("/models/{name}/tasks", tasks)


@router.get("/models")
async def models(request: Request) -> dict[str, Any]:
    """Describe every model, the default one first."""
    return {"models": [model.to_json() for model in service_of(request).models.open]}


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the counters in Prometheus's text format."""
    return Response(service_of(request).meter.exposition(), media_type=CONTENT_TYPE_LATEST)


@router.post("/admin/reload")
async def reload(request: Request) -> JSONResponse:
    """Open every model folder again; a folder that fails verification is refused and the old model goes on.

    Needs an admin key. Answers 409 when a folder was refused.
    """
    outcomes = await service_of(request).reload()
    refused = any(outcome.reason for outcome in outcomes)
    return JSONResponse({"models": [outcome.to_json() for outcome in outcomes]}, status_code=409 if refused else 200)
