"""What tasks with one label a text share: their rows, targets, loss and answers, whatever the labels' probabilities."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import MinLen

from polyhead.answers import TaskAnswer
from polyhead.spans import Floats, Integers
from polyhead.tasks._weighting import WeightedTask
from polyhead.tasks.base import UNOBSERVED, Labels, TextTask
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class OneLabelAnswer(TaskAnswer):
    """One label of a text, and how probable each is.

    Args:
        label: the answer.
        confidence: its probability.
        scores: the probability of each label, in the order of the recipe; they sum to 1.
    """

    label: str
    confidence: float
    scores: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        scores = dict(self.scores)
        return {"kind": self.kind, "label": self.label, "confidence": self.confidence, "scores": scores}


@dataclass(frozen=True, kw_only=True)
class OneLabelTask(WeightedTask, TextTask):
    """A task whose answer is one of its labels."""

    fewest_labels: ClassVar[int] = 2

    labels: Annotated[Labels, MinLen(2)] | None = None

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
        """Sum the cross-entropy over labelled rows; logits of shape `(batch, outputs)`, targets `(batch,)`."""
        labelled = targets != UNOBSERVED
        return self.cross_entropy(self.log_probabilities(logits[labelled].float()), targets[labelled])

    @abstractmethod
    def log_probabilities(self, logits: "Tensor") -> "Tensor":
        """Turn logits of shape `(batch, outputs)` into the logarithms of probabilities, `(batch, labels)`."""

    def right(self, value: str, answer: OneLabelAnswer) -> bool:
        return value == answer.label

    def scored(self, chosen: Integers, probabilities: Floats) -> Iterable[tuple[str, float, dict[str, float]]]:
        """Give what an answer is made of, for each row.

        Args:
            chosen: numbers of the labels that are the answers, shape `(batch,)`.
            probabilities: of the labels, shape `(batch, labels)`.
        """
        labels = self.known_labels
        for number, row in zip(chosen.tolist(), probabilities.tolist(), strict=True):
            yield labels[number], row[number], dict(zip(labels, row, strict=True))
