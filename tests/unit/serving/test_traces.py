# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

trace = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

MARK = "zanzibar-marker"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Collect the spans of everything that runs."""
    kept, provider = export.InMemorySpanExporter(), trace.TracerProvider()
    provider.add_span_processor(trace.export.SimpleSpanProcessor(kept))
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    yield kept
    provider.shutdown()


def test_a_request_is_one_span_with_sizes_and_times_and_no_text(exporter: Any, client: TestClient) -> None:
    client.post("/predict", json={"texts": [f"soup {MARK}"]}, headers={"x-request-id": "my-id"})
    client.post("/predict", json={"texts": [f"poison {MARK}"]})
    client.post(f"/predict?{MARK}=1", json={"texts": [], MARK: 1})
    first, *others = exporter.get_finished_spans()
    assert first.attributes["http.route"] == "/predict"
    assert first.attributes["polyhead.request_id"] == "my-id"
    assert first.attributes["polyhead.texts"] == 1
    assert first.attributes["polyhead.run_milliseconds"] > 0
    assert len(others) == 2
    assert MARK not in "".join(span.to_json() for span in (first, *others))


def test_nothing_is_traced_without_a_provider(client: TestClient) -> None:
    assert client.post("/predict", json={"texts": ["soup"]}).status_code == 200
