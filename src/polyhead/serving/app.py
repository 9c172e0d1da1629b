"""The application: layers from the outside in, then the routes."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from os import environ

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from polyhead import __version__
from polyhead.serving.guard import Guard
from polyhead.serving.intake import Intake
from polyhead.serving.keys import Keys
from polyhead.serving.openapi import document_of
from polyhead.serving.reception import Reception
from polyhead.serving.refusals import plainly_refused
from polyhead.serving.routes import openai, operations, page, predict, tei
from polyhead.serving.service import Service
from polyhead.serving.traces import prepare_traces

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask.

    Args:
        keys: API keys; none lets everybody in who reaches the address.
        hosts: names that the `Host` header may give; any when absent.
        origins: other sites whose pages may ask.
    """

    keys: Keys = field(default_factory=Keys)
    hosts: frozenset[str] | None = None
    origins: frozenset[str] = frozenset()


def create_app(service: Service, access: Access) -> FastAPI:
    """Build the application around a service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        service.batcher.start()
        yield
        service.batcher.stop()

    app = FastAPI(
        title="Polyhead",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        # Errors as telemetry would hold messages; exporters are set up where the environment names a collector.
        telemetry={
            "logs": False,
            "metrics": False,
            "operation_spans": False,
            "auto_configure": prepare_traces(environ),
        },
    )
    app.state.service = service
    for router in (predict.router, openai.router, tei.router, operations.router, page.router):
        app.include_router(router)
    app.add_exception_handler(HTTPException, _refuse)
    app.openapi = lambda: document_of(app, service, with_keys=access.keys.needed)
    # The last one added is the outermost.
    app.add_middleware(Intake, limits=service.limits)
    app.add_middleware(Guard, keys=access.keys, hosts=access.hosts, origins=access.origins)
    app.add_middleware(Reception, meter=service.meter)
    if access.origins:
        allowed = ["authorization", "content-type", "x-request-id"]
        app.add_middleware(
            CORSMiddleware, allow_origins=sorted(access.origins), allow_methods=["GET", "POST"], allow_headers=allowed
        )
    return app


async def _refuse(_: Request, error: Exception) -> Response:
    """Turn the framework's own refusals, such as an unknown path, into ours."""
    if isinstance(error, HTTPException):
        raise plainly_refused(error.status_code, error.headers) from None
    raise error
