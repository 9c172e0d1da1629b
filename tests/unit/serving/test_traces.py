# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from polyhead.serving.traces import prepare_traces

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


COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the reasons that are logged."""
    reasons: list[str] = []
    monkeypatch.setattr("polyhead.serving.traces.log", lambda _, fields: reasons.append(fields["reason"]))
    return reasons


@pytest.mark.parametrize(
    ("installed", "further", "wanted", "told"),
    [
        (True, {}, True, None),
        (True, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True, None),
        (True, {"OTEL_TRACES_EXPORTER": "none"}, True, None),
        (False, {}, False, "are not installed"),
        (True, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False, "must be http/protobuf"),
        (True, {"OTEL_TRACES_EXPORTER": "zipkin"}, False, "must be otlp"),
    ],
)
def test_traces_that_cannot_be_sent_are_told_and_stop_nothing(
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
    *,
    installed: bool,
    further: dict[str, str],
    wanted: bool,
    told: str | None,
) -> None:
    monkeypatch.setattr("polyhead.serving.traces.find_spec", lambda _: object() if installed else None)
    environment = {**COLLECTOR, **further}
    assert prepare_traces(environment) is wanted
    assert ("OTEL_EXPORTER_OTLP_TIMEOUT" in environment) is wanted
    assert len(said) == (told is not None)
    assert told is None or told in said[0]


def test_a_patience_that_is_given_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.serving.traces.find_spec", lambda _: object())
    environment = {**COLLECTOR, "OTEL_EXPORTER_OTLP_TIMEOUT": "7"}
    assert prepare_traces(environment)
    assert environment["OTEL_EXPORTER_OTLP_TIMEOUT"] == "7"


def test_no_collector_means_no_traces_and_no_word_about_them(said: list[str]) -> None:
    assert not prepare_traces({})
    assert not prepare_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": ""})
    assert said == []
