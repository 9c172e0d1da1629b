"""The page to try the models, and the page about the routes: static files of the package, nothing from elsewhere."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from polyhead.serving.refusals import plainly_refused

router = APIRouter(include_in_schema=False)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@router.get("/")
async def index() -> Response:
    """Return the page to try the models."""
    return _served("index.html")


@router.get("/docs")
async def docs() -> Response:
    """Return the page about the routes."""
    return _served("docs.html")


@router.get("/page/{name}")
async def part(name: str) -> Response:
    """Return a part of the pages."""
    return _served(name)


def _served(name: str) -> Response:
    # The name is looked up among the files that there are, never joined to a path.
    if name not in _parts():
        raise plainly_refused(404)
    headers = {"content-security-policy": POLICY, "x-frame-options": "DENY", "cache-control": "no-cache"}
    return Response(_parts()[name], media_type=TYPES[name.rpartition(".")[2]], headers=headers)


@cache
def _parts() -> dict[str, bytes]:
    home = files("polyhead.serving") / "page"
    return {entry.name: entry.read_bytes() for entry in home.iterdir() if entry.name.rpartition(".")[2] in TYPES}
