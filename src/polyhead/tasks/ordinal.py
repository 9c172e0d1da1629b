"""One of several ordered labels a text: stars, severity, level."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import MinLen

from polyhead.answers import TaskAnswer
from polyhead.decoding.base import learned
from polyhead.metrics import label_scores
from polyhead.spans import Floats, Integers
from polyhead.tasks.base import UNOBSERVED, LabelledTask, Labels, TextTask
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class OrdinalAnswer(TaskAnswer):
    """The most probable of several ordered labels.

    Args:
        label: the most probable label.
        confidence: its probability.
        scores: the probability of each label, in their order; they sum to 1.
    """

    kind: ClassVar[str] = "ordinal"
    label: str
    confidence: float
    scores: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "label": self.label, "confidence": self.confidence, "scores": dict(self.scores)}


@dataclass(frozen=True, kw_only=True)
class Ordinal(LabelledTask, TextTask):
    """Choose one of several labels that have an order, by one number and cuts between the labels.

    P(label <= k) = sigmoid(cut_k - number), where each cut is above the one before.

    Args:
        labels: the labels, the lowest first; their order is the point, so they are never read off the data.
        cuts: where the cuts lie, as training has learned them; it fills them in.

    Reference:
        McCullagh 1980, section 2, https://doi.org/10.1111/j.2517-6161.1980.tb01109.x
    """

    kind: ClassVar[str] = "ordinal"

    labels: Annotated[Labels, MinLen(2)] = field()  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    cuts: Any = field(default=None, compare=False)

    @property
    def outputs(self) -> int:
        return 1

    @property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        return {"cuts": (len(self.known_labels) - 1,)}

    def with_parameters(self, parameters: Mapping[str, Any]) -> Self:
        return replace(self, **parameters)

    def read(self, value: object, text: str, problems: list[str]) -> str | None:  # noqa: ARG002
        if isinstance(value, str) and value:
            return value
        # Stars and grades are written as numbers as often as not.
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        problems.append(f"a label must be a string that is not empty, or a whole number. Found {value!r}.")
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
        """Sum the negative log-likelihood over labelled rows; logits of shape `(batch, 1)`, targets `(batch,)`."""
        labelled = targets != UNOBSERVED
        number, gold = logits[labelled].float(), targets[labelled]
        last = len(self.known_labels) - 1
        raw = learned(self.cuts, (last,), like=number)
        gaps = raw.logaddexp(raw.new_zeros(()))
        cuts = raw[0] - gaps[0] + gaps.cumsum(dim=0)
        above = cuts[gold.clamp(max=last - 1)] - number[:, 0]
        below = cuts[(gold - 1).clamp(min=0)] - number[:, 0]
        # log(s(a) - s(b)) = log s(a) + log s(-b) + log(1 - exp(b - a)) for the sigmoid s, which keeps all digits.
        likelihood = _log_sigmoid(above) * (gold < last) + _log_sigmoid(-below) * (gold > 0)
        inner = (gold > 0) & (gold < last)
        between = (-(below - above)[inner].exp()).log1p()
        return -(likelihood.sum() + between.sum())

    def decode(self, logits: Floats, batch: TokenBatch) -> list[OrdinalAnswer]:  # noqa: ARG002
        """Turn logits of shape `(batch, 1)` into one label a row."""
        raw = np.zeros(len(self.known_labels) - 1) if self.cuts is None else np.array(self.cuts)
        distance = np.clip(_places(raw) - logits.astype(np.float64), -60, 60)
        reached = np.pad(1.0 / (1.0 + np.exp(-distance)), [(0, 0), (1, 0)])
        probabilities = np.diff(np.concatenate([reached, np.ones((len(reached), 1))], axis=1), axis=1)
        labels = self.known_labels
        return [
            OrdinalAnswer(labels[best], row[best], dict(zip(labels, row, strict=True)))
            for best, row in zip(probabilities.argmax(axis=-1).tolist(), probabilities.tolist(), strict=True)
        ]

    def right(self, value: str, answer: OrdinalAnswer) -> bool:
        return value == answer.label

    def score(self, values: Sequence[str], answers: Sequence[OrdinalAnswer]) -> dict[str, Any]:
        """Compute quadratic kappa (primary, no less than 0), the mean distance in labels, accuracy and confusion.

        Reference:
            Cohen 1968, https://doi.org/10.1037/h0026256
        """
        scores = label_scores(values, [answer.label for answer in answers], labels=self.known_labels)
        known = len(self.known_labels)
        matrix = np.array(scores["confusion"]["matrix"], dtype=np.float64)[:known, :known]
        distance = np.abs(np.arange(known)[:, None] - np.arange(known))
        chance = matrix.sum(axis=1)[:, None] * matrix.sum(axis=0) / max(1.0, matrix.sum())
        expected = float((distance**2 * chance).sum())
        disagreement = float((distance**2 * matrix).sum())
        # Without any disagreement to expect, kappa is no number; what is all right is right all the same.
        kappa = 1.0 - disagreement / expected if expected else float(bool(values) and disagreement == 0)
        mean_distance = float((distance * matrix).sum() / max(1.0, matrix.sum()))
        return {"primary": max(0.0, kappa), "kappa": kappa, "mae": mean_distance, **scores}


def _places(raw: Floats) -> Floats:
    """Turn what is learned into cuts: the first, then the gaps after it, each above zero."""
    gaps = np.logaddexp(0.0, raw)
    return raw[0] - gaps[0] + np.cumsum(gaps)


def _log_sigmoid(values: "Tensor") -> "Tensor":
    return -(-values).logaddexp(values.new_zeros(()))
