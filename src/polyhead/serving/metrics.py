"""What Prometheus can ask: requests, errors, the queue, the passes of the encoder and the labels answered."""

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from polyhead.serving.passes import PassTiming

LABELS_COUNTED = 200
"""Labels of a task that have a counter of their own; further ones are counted together as `other`."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TOKENS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75)


class Meter:
    """The counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter("requests", "Requests answered.", ("route", "method", "status"))
        self._errors = self._counter("errors", "Requests refused or failed, by kind.", ("kind",))
        self._answers = self._counter("answers", "Labels answered, to watch for drift.", ("model", "task", "label"))
        self._texts = self._counter("texts", "Texts answered.", ())
        self._stages = self._histogram("stage_seconds", "Seconds by stage.", SECONDS, ("stage",))
        self._passes = self._histogram("batch_tokens", "Tokens of a pass, padding included.", TOKENS, ())
        self._batch_texts = self._histogram("batch_texts", "Texts of a pass.", (1, 2, 4, 8, 16, 32, 64, 128), ())
        self._padding = self._histogram("batch_padding_share", "Share of a pass that is padding.", SHARES, ())
        self._models = Gauge("polyhead_model_info", "Models served.", ("model", "version"), registry=self.registry)
        self._known: dict[tuple[str, str], set[str]] = {}
        self._lock = Lock()

    def watch(self, depth: Callable[[], tuple[int, int, float]]) -> None:
        """Show a queue.

        Args:
            depth: tells how many texts and tokens wait, and for how many seconds the oldest has.
        """
        gauges = (
            ("queue_texts", "Texts that wait."),
            ("queue_tokens", "Tokens that wait."),
            ("queue_age_seconds", "Wait of the oldest text."),
        )
        for place, (name, text) in enumerate(gauges):
            gauge = Gauge(f"polyhead_{name}", text, registry=self.registry)
            gauge.set_function(lambda place=place: depth()[place])

    def see_request(self, *, route: str, method: str, status: int, kind: str | None, seconds: float) -> None:
        """Count a request that was answered, one way or the other."""
        self._requests.labels(route, method, str(status)).inc()
        self._stages.labels("total").observe(seconds)
        if kind is not None:
            self._errors.labels(kind).inc()

    def see_turned_away(self) -> None:
        """Count a request that came over one connection too many; what it asked was not read."""
        self._requests.labels("none", "other", "503").inc()
        self._errors.labels("overloaded").inc()

    def see_stages(self, seconds: Mapping[str, float]) -> None:
        """Count the time that the stages of a request took."""
        for stage, spent in seconds.items():
            self._stages.labels(stage).observe(spent)

    def see_pass(self, timing: PassTiming) -> None:
        """Count a pass of the encoder."""
        self._texts.inc(timing.texts)
        self._passes.observe(timing.padded)
        self._batch_texts.observe(timing.texts)
        self._padding.observe(1 - timing.tokens / max(1, timing.padded))

    def see_answer(self, model: str, tasks: Mapping[str, Any]) -> None:
        """Count the labels of an answer, given as the JSON of its tasks."""
        for task, label in labels_of(tasks):
            self._answers.labels(model, task, self._counted(model, task, label)).inc()

    def set_models(self, versions: Mapping[str, str]) -> None:
        """Tell which models are served, in which version."""
        self._models.clear()
        for name, version in versions.items():
            self._models.labels(name, version).set(1)

    def exposition(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)

    def _counted(self, model: str, task: str, label: str) -> str:
        with self._lock:
            known = self._known.setdefault((model, task), set())
            if label in known or len(known) < LABELS_COUNTED:
                known.add(label)
                return label
        return "other"

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"polyhead_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...]) -> Histogram:
        return Histogram(f"polyhead_{name}", text, labels, buckets=buckets, registry=self.registry)


def labels_of(tasks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List the task and the label of everything that an answer says, whatever the kinds of its tasks."""
    for name, task in tasks.items():
        if "label" in task:
            yield name, str(task["label"])
        for label in task.get("labels", ()):
            yield name, str(label)
        for span in task.get("spans", ()):
            yield name, str(span["label"])
