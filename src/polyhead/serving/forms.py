"""How a request wants its answers: which tasks, how sure, how many scores, with or without the embedding."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyhead.spans import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """The options of a request; none of them changes the type of a field.

    Args:
        threshold: spans, labels and scores below it are left out; a classification keeps its best label.
        top_k: how many scores, the highest first; all in the model's order when absent.
        return_scores: whether `scores` holds any.
        return_embedding: whether each answer also holds the sentence embedding.
    """

    threshold: float | None = None
    top_k: int | None = None
    return_scores: bool = True
    return_embedding: bool = False

    def shaped(self, document: dict[str, Any], embedding: Floats) -> dict[str, Any]:
        """Return an answer, given as plain Python values, as the request wants it."""
        document["tasks"] = {name: self._trimmed(task) for name, task in document["tasks"].items()}
        if self.return_embedding:
            document["embedding"] = embedding.tolist()
        return document

    def _trimmed(self, task: dict[str, Any]) -> dict[str, Any]:
        threshold = self.threshold
        if threshold is not None and "labels" in task and "scores" in task:
            task["labels"] = [label for label in task["labels"] if task["scores"][label] >= threshold]
        if threshold is not None and "spans" in task:
            task["spans"] = [span for span in task["spans"] if span.get("confidence", 1.0) >= threshold]
        if "scores" in task:
            task["scores"] = self._scores(task["scores"])
        return task

    def _scores(self, scores: Mapping[str, float]) -> dict[str, float]:
        if not self.return_scores:
            return {}
        least = self.threshold or 0.0
        kept = [(label, score) for label, score in scores.items() if score >= least]
        if self.top_k is not None:
            kept = sorted(kept, key=lambda item: -item[1])[: self.top_k]
        return dict(kept)


def confidence_of(task: Mapping[str, Any]) -> float | None:
    """Tell how sure a task's answer is: its own confidence, or that of its least certain span."""
    if "confidence" in task:
        return float(task["confidence"])
    return min((float(span["confidence"]) for span in task.get("spans", ())), default=None)


def json_bytes(document: Any) -> bytes:  # noqa: ANN401  any JSON value
    """Write JSON in UTF-8; a lone surrogate, which UTF-8 cannot say, is escaped."""
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
