"""One label a text: topic, sentiment, intent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polyhead.metrics import label_scores
from polyhead.spans import Floats
from polyhead.tasks._one_label import OneLabelAnswer, OneLabelTask
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClassificationAnswer(OneLabelAnswer):
    """The most probable label of a text."""

    kind: ClassVar[str] = "classification"


@dataclass(frozen=True, kw_only=True)
class Classification(OneLabelTask):
    """Choose one label for a text or a pair of texts, by softmax over a head on the sentence embedding."""

    kind: ClassVar[str] = "classification"

    @property
    def outputs(self) -> int:
        return len(self.known_labels)

    def log_probabilities(self, logits: "Tensor") -> "Tensor":
        return logits.log_softmax(dim=-1)

    def decode(self, logits: Floats, batch: TokenBatch) -> list[ClassificationAnswer]:  # noqa: ARG002
        """Turn logits of shape `(batch, labels)` into one label a row."""
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities = shifted / shifted.sum(axis=-1, keepdims=True)
        return [ClassificationAnswer(*of) for of in self.scored(probabilities.argmax(axis=-1), probabilities)]

    def score(self, values: Sequence[str], answers: Sequence[ClassificationAnswer]) -> dict[str, Any]:
        """Compute accuracy (primary), macro and micro F1, scores of each label and the confusion matrix.

        A gold label that the model does not know counts as missed. Macro F1 averages the labels that occur.
        """
        scores = label_scores(values, [answer.label for answer in answers], labels=self.known_labels)
        return {"primary": scores["accuracy"], **scores}
