"""Whether traces are sent: only where somebody named a collector and the packages are there."""

from collections.abc import MutableMapping
from importlib.util import find_spec

from polyhead.serving.journal import log

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
PATIENCE_SECONDS = "2"
"""How long the exporter tries to reach a collector: a server that stops waits for what is on its way."""

EXPORTER = "opentelemetry.exporter.otlp.proto.http"


def prepare_traces(environment: MutableMapping[str, str]) -> bool:
    """Tell whether to send traces, and bound how long that may take; the log says why not where a collector is named.

    Clusters name a collector to every process, and none of them should refuse to start for that.

    Args:
        environment: the variables of the process; the exporter reads its patience there.
    """
    if not any(environment.get(name) for name in ENDPOINTS):
        return False
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), PROTOCOL)
    reason = ""
    if not _installed():
        reason = "opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http are not installed"
    elif protocol != PROTOCOL:
        reason = f"the protocol must be {PROTOCOL}"
    elif (environment.get("OTEL_TRACES_EXPORTER") or "otlp").strip().lower() not in {"otlp", "none"}:
        reason = "OTEL_TRACES_EXPORTER must be otlp or none"
    if reason:
        log("no_traces", {"reason": reason})
    else:
        environment.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", PATIENCE_SECONDS)
    return not reason


def _installed() -> bool:
    try:
        return find_spec(EXPORTER) is not None and find_spec("opentelemetry.sdk.trace") is not None
    except ModuleNotFoundError:
        return False
