"""One of several ordered labels a text: stars, severity, level."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import MinLen

from polyhead.decoding.base import learned
from polyhead.metrics import label_scores
from polyhead.spans import Floats
from polyhead.tasks._one_label import OneLabelAnswer, OneLabelTask
from polyhead.tasks.base import Labels
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 60.0
"""The farthest that a number is put from a cut: the probabilities beyond differ by less than a float64 tells."""


@dataclass(frozen=True, slots=True)
class OrdinalAnswer(OneLabelAnswer):
    """The median of several ordered labels: no more than half of the probability lies below it, or above it."""

    kind: ClassVar[str] = "ordinal"


@dataclass(frozen=True, kw_only=True)
class Ordinal(OneLabelTask):
    """Choose one of several labels that have an order, by one number and cuts between the labels.

    P(label <= k) = sigmoid(cut_k - number), where each cut is above the one before. The answer is the label between
    whose cuts the number lies, which is the median.

    Args:
        labels: the labels, the lowest first; their order is the point, so they are never read off the data.
        starts: the cuts that give each label its share of the training rows where the number is 0; training fills
            them in.
        cuts: how far training has moved the first cut, and the gaps after it; it fills them in.

    Reference:
        McCullagh 1980, section 2, https://doi.org/10.1111/j.2517-6161.1980.tb01109.x
    """

    kind: ClassVar[str] = "ordinal"

    labels: Annotated[Labels, MinLen(2)] = field()  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]
    starts: tuple[float, ...] | None = field(default=None, compare=False)
    cuts: Any = field(default=None, compare=False)

    @property
    def outputs(self) -> int:
        return 1

    @property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        return {"cuts": (len(self.known_labels) - 1,)}

    def with_parameters(self, parameters: Mapping[str, Any]) -> Self:
        return replace(self, **parameters)

    def prepared(self, values: Iterable[str]) -> Self:
        counts = Counter(values)
        balanced = super().prepared(counts.elements())
        # Half a row more for each label, so that those without rows have a share too.
        return replace(balanced, starts=_cuts_of(np.array([counts[label] + 0.5 for label in self.known_labels])))

    def read(self, value: object, text: str, problems: list[str]) -> str | None:
        # Stars and grades are written as numbers as often as not.
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return super().read(value, text, problems)

    def log_probabilities(self, logits: "Tensor") -> "Tensor":
        last = len(self.known_labels) - 1
        raw = learned(self.cuts, (last,), like=logits) + logits.new_tensor(self._origin())
        gaps = raw.logaddexp(raw.new_zeros(()))
        distance = raw[0] - gaps[0] + gaps.cumsum(dim=0) - logits
        label = np.arange(last + 1)
        # log(s(a) - s(b)) = log s(a) + log s(-b) + log(1 - exp(b - a)) for the sigmoid s, which keeps all digits.
        above = _log_sigmoid(distance)[:, np.minimum(label, last - 1)] * logits.new_tensor((label < last).tolist())
        below = _log_sigmoid(-distance)[:, np.maximum(label - 1, 0)] * logits.new_tensor((label > 0).tolist())
        inner = logits.new_tensor(label[1:last].tolist()).long()
        return above + below + logits.new_zeros(last + 1).index_add(0, inner, (-(-gaps[1:]).expm1()).log())

    def decode(self, logits: Floats, batch: TokenBatch) -> list[OrdinalAnswer]:  # noqa: ARG002
        """Turn logits of shape `(batch, 1)` into one label a row."""
        raw = self._origin() + (0.0 if self.cuts is None else np.array(self.cuts))
        gaps = np.logaddexp(0.0, raw)
        distance = np.clip(raw[0] - gaps[0] + np.cumsum(gaps) - logits.astype(np.float64), -LIMIT, LIMIT)
        reached = np.pad(1.0 / (1.0 + np.exp(-distance)), [(0, 0), (1, 0)])
        probabilities = np.diff(np.concatenate([reached, np.ones((len(reached), 1))], axis=1), axis=1)
        return [OrdinalAnswer(*of) for of in self.scored((distance < 0).sum(axis=1), probabilities)]

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

    def _origin(self) -> Floats:
        """Return what learning starts from: the first cut, and what becomes the gaps after it by softplus."""
        starts = np.array(self.starts or _cuts_of(np.ones(len(self.known_labels))))
        return np.append(starts[:1], np.log(np.expm1(np.diff(starts))))


def _cuts_of(rows: Floats) -> tuple[float, ...]:
    """Return the logits of the shares of rows up to each label but the last."""
    reached = np.cumsum(rows)[:-1]
    return tuple(np.log(reached / (rows.sum() - reached)).tolist())


def _log_sigmoid(values: "Tensor") -> "Tensor":
    return -(-values).logaddexp(values.new_zeros(()))
