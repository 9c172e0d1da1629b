"""Who may ask: every route but health needs a key when there are keys, and no other site's page may ask at all."""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from polyhead.serving.keys import Keys, presented_key
from polyhead.serving.refusals import RefusedError

OPEN_PATHS = frozenset({"/health"})
"""Paths that need no key; all others do, those that do not exist too."""

ADMIN_PREFIX = "/admin/"
CHALLENGE = {"www-authenticate": 'Bearer, Basic realm="polyhead: any name, the API key as password"'}


class Guard:
    """Refuses requests before anything of them is read.

    Args:
        app: what is guarded.
        keys: the keys that open it; none leaves it open to everyone who can reach the address.
        hosts: names that `Host` may give, without a port; any when absent. On the loopback address a foreign name
            means that a web page has made a browser ask (DNS rebinding).
        origins: other sites whose pages may ask.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, hosts: frozenset[str] | None, origins: frozenset[str]) -> None:
        self._app = app
        self._keys = keys
        self._hosts = hosts
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers: dict[bytes, bytes] = dict(scope["headers"])
            host = headers.get(b"host", b"").decode("latin-1")
            self._check_host(host)
            self._check_origin(headers.get(b"origin", b"").decode("latin-1"), host)
            self._check_key(scope["path"], headers.get(b"authorization", b"").decode("latin-1"))
        await self._app(scope, receive, send)

    def _check_host(self, host: str) -> None:
        if self._hosts is not None and _name_of(f"//{host}") not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            raise RefusedError(421, f"`Host` must be one of {known}. Allow another name with `--allow-host`.")

    def _check_origin(self, origin: str, host: str) -> None:
        if not origin or origin in self._origins:
            return
        if origin.partition("://")[2].lower() != host.lower():
            raise RefusedError(403, "pages of another site may not ask. Allow a site with `--cors-origin`.")

    def _check_key(self, path: str, authorization: str) -> None:
        if path in OPEN_PATHS:
            return
        key = presented_key(authorization)
        if self._keys.needed and not self._keys.opens(key):
            # A browser asks its user for the key; programs read the message.
            message = "a request needs an API key. Send it as `Authorization: Bearer KEY`."
            raise RefusedError(401, message, headers=CHALLENGE)
        if path.startswith(ADMIN_PREFIX) and not self._keys.administers(key):
            raise RefusedError(403, "this route needs an admin key. Start the server with `--admin-key-file`.")


def _name_of(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
