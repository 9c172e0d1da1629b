import hashlib
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from polyhead.serving.app import LOCAL_HOSTS, Access
from polyhead.serving.keys import Keys

KEYS = Keys([hashlib.sha256(b"user").digest()], [hashlib.sha256(b"admin").digest()])
GUESSED = ("/", "/docs", "/page/main.js", "/openapi.json", "/metrics", "/ready", "/models", "/tasks", "/v1/models")
GUESSED += ("/.env", "/admin", "/admin/", "/health/", "/HEALTH", "//health", "/health/../tasks", "/tei/info", "/nope")

Start = Callable[..., TestClient]


def site(name: str) -> str:
    return f"https://{name}"


@pytest.fixture
def guarded(start: Start) -> TestClient:
    return start(Access(keys=KEYS))


@pytest.mark.parametrize("key", [None, "use", "userr", "USER", "admi"])
def test_every_route_but_health_needs_a_key(guarded: TestClient, key: str | None) -> None:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    for path in GUESSED:
        for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
            response = guarded.request(method, path, headers=headers)
            assert response.status_code == 401, (method, path)
            assert "Bearer" in response.headers["www-authenticate"]
    assert guarded.get("/health").json() == {"alive": True}


def test_every_documented_route_needs_a_key(guarded: TestClient) -> None:
    document = guarded.get("/openapi.json", headers={"authorization": "Bearer user"}).json()
    paths = [(method, path) for path, item in document["paths"].items() for method in item]
    assert len(paths) > 10
    found = {(method, path): guarded.request(method, path).status_code for method, path in paths}
    assert {where for where, status in found.items() if status != 401} == {("get", "/health")}


def test_a_key_opens_and_only_an_admin_key_reloads(guarded: TestClient) -> None:
    user, admin = ({"authorization": f"Bearer {name}"} for name in ("user", "admin"))
    assert guarded.post("/predict", json={"texts": ["soup"]}, headers=user).status_code == 200
    assert guarded.get("/", auth=("anyone", "user")).status_code == 200
    assert guarded.post("/admin/reload", headers=user).status_code == 403
    assert guarded.post("/admin/reload", headers=admin).json()["models"][0]["reloaded"]


def test_nobody_reloads_where_there_is_no_admin_key(client: TestClient) -> None:
    assert client.post("/admin/reload").status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:8000", 200),
        ("LOCALHOST:1", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_a_foreign_name_for_this_machine_is_refused(start: Start, host: str, status: int) -> None:
    client = start(Access(hosts=LOCAL_HOSTS))
    assert client.get("/tasks", headers={"host": host}).status_code == status


@pytest.mark.parametrize("origin", ["null", site("evil.example"), "http://127.0.0.1:9", "file://"])
def test_a_page_of_another_site_may_not_ask(client: TestClient, origin: str) -> None:
    headers = {"origin": origin, "host": "127.0.0.1:8000"}
    response = client.post("/predict", json={"texts": ["soup"]}, headers=headers)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_our_own_page_may_ask(client: TestClient) -> None:
    headers = {"origin": "http://127.0.0.1:8000", "host": "127.0.0.1:8000"}
    assert client.post("/predict", json={"texts": ["soup"]}, headers=headers).status_code == 200


def test_no_cross_origin_header_is_sent_unless_a_site_is_named(client: TestClient, start: Start) -> None:
    asked = {"origin": site("site.example"), "access-control-request-method": "POST"}
    refused = client.options("/predict", headers=asked)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    allowing = start(Access(origins=frozenset({site("site.example")})))
    assert allowing.options("/predict", headers=asked).headers["access-control-allow-origin"] == site("site.example")
    response = allowing.post("/predict", json={"texts": ["soup"]}, headers={"origin": site("site.example")})
    assert response.headers["access-control-allow-origin"] == site("site.example")
    other = allowing.post("/predict", json={"texts": ["soup"]}, headers={"origin": site("other.example")})
    assert other.status_code == 403
