"""One label a text: topic, sentiment, intent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import MinLen

from polyhead.answers import TaskAnswer
from polyhead.metrics import label_scores
from polyhead.spans import Floats, Integers
from polyhead.tasks._weighting import WeightedTask
from polyhead.tasks.base import UNOBSERVED, Labels, TextTask
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClassificationAnswer(TaskAnswer):
    """The most probable label of a text.

    Args:
        label: the most probable label.
        confidence: its probability.
        scores: the probability of each label, in the order of the recipe; they sum to 1.
    """

    kind: ClassVar[str] = "classification"
    label: str
    confidence: float
    scores: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "label": self.label,
            "confidence": self.confidence,
            "scores": dict(self.scores),
        }


@dataclass(frozen=True, kw_only=True)
class Classification(WeightedTask, TextTask):
    """Choose one label for a text or a pair of texts, by softmax over a head on the sentence embedding."""

    kind: ClassVar[str] = "classification"

    labels: Annotated[Labels, MinLen(2)] | None = None

    @property
    def outputs(self) -> int:
        return len(self.known_labels)

    def read(self, value: object, text: str, problems: list[str]) -> str | None:  # noqa: ARG002
        if isinstance(value, str) and value:
            return value
        problems.append(f"a label must be a string that is not empty. Found {value!r}.")
        return None

    def labels_in(self, value: str) -> Iterable[str]:
        return (value,)

    def column_type(self) -> "pa.DataType":
        import pyarrow as pa  # noqa: PLC0415  serving has no pyarrow

        return pa.string()

    def targets(self, values: Sequence[str | None], batch: TokenBatch) -> Integers:  # noqa: ARG002
        number = {label: index for index, label in enumerate(self.known_labels)}
        return np.array([UNOBSERVED if value is None else number.get(value, UNOBSERVED) for value in values])

    def observed(self, targets: Integers | Floats) -> int:
        return int((targets != UNOBSERVED).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the cross-entropy over labelled rows; logits of shape `(batch, labels)`, targets `(batch,)`."""
        labelled = targets != UNOBSERVED
        return self.cross_entropy(logits[labelled], targets[labelled])

    def decode(self, logits: Floats, batch: TokenBatch) -> list[ClassificationAnswer]:  # noqa: ARG002
        """Turn logits of shape `(batch, labels)` into one label a row."""
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=-1, keepdims=True)
        labels = self.known_labels
        return [
            ClassificationAnswer(labels[best], row[best], dict(zip(labels, row, strict=True)))
            for best, row in zip(probabilities.argmax(axis=-1).tolist(), probabilities.tolist(), strict=True)
        ]

    def right(self, value: str, answer: ClassificationAnswer) -> bool:
        return value == answer.label

    def score(self, values: Sequence[str], answers: Sequence[ClassificationAnswer]) -> dict[str, Any]:
        """Compute accuracy (primary), macro and micro F1, scores of each label and the confusion matrix.

        A gold label that the model does not know counts as missed. Macro F1 averages the labels that occur.
        """
        scores = label_scores(values, [answer.label for answer in answers], labels=self.known_labels)
        return {"primary": scores["accuracy"], **scores}
