"""Traces as a collector gets them: over HTTP, from a server in a process of its own."""
# ruff: noqa: ANN401  what a generated message holds has no type here

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

service = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    reason="opentelemetry-exporter-otlp-proto-http is not installed",
)

STAND_IN = Path(__file__).parents[1] / "stand_ins" / "keyword_server.py"
MARK = "zanzibar-marker"


@pytest.fixture
def collected() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Run a collector that keeps what it gets: its address, and pairs of path and body."""
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the base's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


def ask(port: int, path: str, document: Any, request_id: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"content-type": "application/json", "x-request-id": request_id}
        connection.request("POST", path, json.dumps(document), headers)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    return response.status


def asked(place: Path, address: str) -> list[int]:
    """Start a server that sends its traces to an address, ask it, stop it, and return the statuses."""
    (place / "polyhead.json").write_text("{}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    settings = json.dumps({"port": port, "models": [str(place)]})
    with (place / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, str(STAND_IN), settings], env=environment, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if ask(port, "/predict", {"texts": ["soup"]}, "first") == 200:
                    break
            except OSError:
                time.sleep(0.05)
        statuses = [
            ask(port, "/predict", {"texts": [f"great soup {MARK}", MARK]}, "good"),
            ask(port, f"/predict?{MARK}={MARK}", {"texts": [MARK], MARK: 1}, "wrong"),
            ask(port, "/predict", {"texts": [f"poison {MARK}"]}, "failed"),
            ask(port, f"/{MARK}", {}, "nowhere"),
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
    return statuses


def spans_in(got: list[tuple[str, bytes]]) -> dict[str, dict[str, Any]]:
    """Read the attributes of each span, by the id of its request."""
    spans: dict[str, dict[str, Any]] = {}
    for path, body in got:
        assert path == "/v1/traces"
        for resource in service.ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    fields = {of.key: getattr(of.value, of.value.WhichOneof("value")) for of in span.attributes}
                    spans[fields["polyhead.request_id"]] = {"name": span.name, **fields}
    return spans


def test_a_collector_gets_a_span_a_request_and_never_a_text(
    collected: tuple[str, list[tuple[str, bytes]]], tmp_path: Path
) -> None:
    address, got = collected
    assert asked(tmp_path, address) == [200, 422, 500, 404]
    spans = spans_in(got)
    assert {"good", "wrong", "failed", "nowhere"} <= set(spans)
    good = spans["good"]
    assert good["http.route"] == "/predict"
    assert (good["polyhead.texts"], good["polyhead.characters"]) == (2, 41)
    assert good["polyhead.tokens"] > 4
    assert good["polyhead.model"].startswith(f"{tmp_path.name}@")
    for stage in ("tokenize", "queue", "run", "decode"):
        assert good[f"polyhead.{stage}_milliseconds"] >= 0
    assert MARK.encode() not in b"".join(body for _, body in got)


def test_a_collector_that_is_away_stops_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path, "http://127.0.0.1:9") == [200, 422, 500, 404]
