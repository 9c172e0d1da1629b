"""Any number of labels a text: tags, emotions, policies that are broken."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

import numpy as np
from annotated_types import Gt, Lt

from polyhead.answers import TaskAnswer
from polyhead.errors import did_you_mean
from polyhead.metrics import Counts, macro_f1, total
from polyhead.spans import Floats, Integers
from polyhead.tasks._weighting import WeightedTask
from polyhead.tasks.base import UNOBSERVED, TextTask
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

FEWEST = 5
"""Dev rows that must bear a label, and lack it, before its threshold is tuned on them."""


@dataclass(frozen=True, slots=True)
class MultilabelAnswer(TaskAnswer):
    """The labels that a text bears.

    Args:
        labels: those whose probability reaches the threshold, in the order of the recipe; maybe none.
        confidence: the probability of the least certain yes or no.
        scores: the probability of each label, in the order of the recipe.
    """

    kind: ClassVar[str] = "multilabel"
    labels: tuple[str, ...]
    confidence: float
    scores: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "confidence": self.confidence,
            "scores": dict(self.scores),
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """What a row says of the labels.

    Args:
        yes: the labels that it bears.
        no: the labels that it does not bear, when the others were not annotated; all others when absent.
    """

    yes: tuple[str, ...]
    no: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Multilabel(WeightedTask, TextTask):
    """Choose any number of labels for a text, by one yes or no a label.

    Args:
        threshold: the probability from which a label is given; where dev has enough rows, each label gets its own.
        thresholds: the thresholds of the labels, tuned on dev; training fills them in.
    """

    kind: ClassVar[str] = "multilabel"
    tunes: ClassVar[bool] = True

    threshold: Annotated[float, Gt(0), Lt(1)] = 0.5
    thresholds: tuple[float, ...] | None = field(default=None, compare=False)

    @property
    def outputs(self) -> int:
        return len(self.known_labels)

    def read(self, value: object, text: str, problems: list[str]) -> Choice | None:  # noqa: ARG002
        before = len(problems)
        if isinstance(value, list):
            choice = Choice(_labels(cast("list[object]", value), problems))
        elif isinstance(value, dict) and set(cast("dict[str, object]", value)) == {"yes", "no"}:
            yes, no = (_labels(of, problems) for of in (value["yes"], value["no"]))
            choice = Choice(yes, no)
            problems += (f"a label must not be both yes and no. Found {label!r}." for label in yes if label in no)
        else:
            problems.append(f'labels must be a list, or {{"yes": […], "no": […]}}. Found {value!r}.')
            return None
        return choice if len(problems) == before else None

    def check(self, value: Choice, *, pair: str | None, problems: list[str]) -> None:  # noqa: ARG002
        # The labels of `yes` are checked with those of all other tasks; a misspelt `no` would say nothing at all.
        unknown = [label for label in value.no or () if self.labels is not None and label not in self.labels]
        problems += (
            f"no must name labels of the task. Found {n!r}{did_you_mean(n, self.known_labels)}" for n in unknown
        )

    def labels_in(self, value: Choice) -> Iterable[str]:
        return value.yes

    def column_type(self) -> "pa.DataType":
        import pyarrow as pa  # noqa: PLC0415  serving has no pyarrow

        return pa.struct({"yes": pa.list_(pa.string()), "no": pa.list_(pa.string())})

    def to_column(self, value: Choice) -> dict[str, Any]:
        return {"yes": value.yes, "no": value.no}

    def from_column(self, cell: Mapping[str, Any]) -> Choice:
        return Choice(tuple(cell["yes"]), None if cell["no"] is None else tuple(cell["no"]))

    def prepared(self, values: Iterable[Choice]) -> Self:
        if self.class_weights != "balanced":
            return self
        yes, no = Counter[str](), Counter[str]()
        for value in values:
            yes.update(value.yes)
            no.update(self._denied(value))
        return replace(self, balance=tuple(max(1, no[label]) / max(1, yes[label]) for label in self.known_labels))

    def targets(self, values: Sequence[Choice | None], batch: TokenBatch) -> Integers:  # noqa: ARG002
        """Return 1 for yes and 0 for no, shape `(batch, labels)`; what was not annotated is unobserved."""
        targets = np.full((len(values), self.outputs), UNOBSERVED, dtype=np.int64)
        number = {label: index for index, label in enumerate(self.known_labels)}
        for row, value in enumerate(values):
            if value is not None:
                targets[row, [number[label] for label in self._denied(value)]] = 0
                targets[row, [number[label] for label in value.yes if label in number]] = 1
        return targets

    def observed(self, targets: Integers | Floats) -> int:
        return int((targets != UNOBSERVED).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the binary cross-entropy over the observed labels; logits and targets of shape `(batch, labels)`."""
        known = targets != UNOBSERVED
        scores = logits.float()
        gold = targets.clamp(min=0) * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        losses = scores.logaddexp(scores.new_zeros(())) - scores * gold
        if self.focal:
            wrong = (targets.clamp(min=0) - scores.sigmoid()).abs()
            losses = losses * wrong.clamp(min=1e-6) ** self.focal
        if self.class_weights is not None:
            losses = losses * self.label_weights(losses).where(targets == 1, losses.new_ones(()))
        return losses[known].sum()

    def decode(self, logits: Floats, batch: TokenBatch) -> list[MultilabelAnswer]:  # noqa: ARG002
        """Turn logits of shape `(batch, labels)` into labels."""
        probabilities = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))
        given = probabilities >= np.array(self.thresholds or [self.threshold] * self.outputs)
        certainty = np.where(given, probabilities, 1.0 - probabilities).min(axis=-1).tolist()
        return [
            MultilabelAnswer(self._named(chosen), sure, dict(zip(self.known_labels, row, strict=True)))
            for chosen, sure, row in zip(given, certainty, probabilities.tolist(), strict=True)
        ]

    def tuned(self, values: Sequence[Choice], answers: Sequence[MultilabelAnswer]) -> Self:
        """Give each label the threshold with the best F1, where there are rows enough to tell."""
        thresholds: list[float] = []
        for label in self.known_labels:
            pairs = [
                (answer.scores[label], label in value.yes)
                for value, answer in zip(values, answers, strict=True)
                if value.no is None or label in value.yes or label in value.no
            ]
            thresholds.append(_best_threshold(pairs, default=self.threshold))
        return replace(self, thresholds=tuple(thresholds))

    def right(self, value: Choice, answer: MultilabelAnswer) -> bool:
        given = set(answer.labels)
        return given >= set(value.yes) and not given & set(self._denied(value))

    def score(self, values: Sequence[Choice], answers: Sequence[MultilabelAnswer]) -> dict[str, Any]:
        """Compute micro F1 (primary), macro F1, the share of rows that are exactly right, and scores of each label.

        What was not annotated is neither right nor wrong. Macro F1 averages the labels that occur.
        """
        counts = {label: Counts() for label in self.known_labels}
        exact = 0
        for value, answer in zip(values, answers, strict=True):
            given, denied = set(answer.labels), set(self._denied(value))
            exact += self.right(value, answer)
            for label in value.yes:
                count = counts.setdefault(label, Counts())
                count.right += label in given
                count.missed += label not in given
            for label in given & denied:
                counts[label].in_vain += 1
        micro = total(counts)
        return {
            "primary": micro.f1,
            "precision": micro.precision,
            "recall": micro.recall,
            "micro_f1": micro.f1,
            "macro_f1": macro_f1(counts),
            "exact": exact / max(1, len(values)),
            "labels": {label: count.to_json() for label, count in counts.items()},
        }

    def _denied(self, value: Choice) -> list[str]:
        """List the known labels that a row is said not to bear."""
        others = self.known_labels if value.no is None else value.no
        return [label for label in self.known_labels if label in others and label not in value.yes]

    def _named(self, chosen: Any) -> tuple[str, ...]:  # noqa: ANN401  one row of booleans
        return tuple(label for label, given in zip(self.known_labels, chosen.tolist(), strict=True) if given)


def _labels(value: object, problems: list[str]) -> tuple[str, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    wrong = [item for item in items if not isinstance(item, str) or not item]
    problems += (f"a label must be a string that is not empty. Found {item!r}." for item in wrong)
    return tuple(dict.fromkeys(item for item in items if isinstance(item, str)))


def _best_threshold(pairs: Sequence[tuple[float, bool]], *, default: float) -> float:
    """Return the middle between the two scores where cutting has the best F1; the default for few rows."""
    scores, gold = np.array([score for score, _ in pairs]), np.array([is_gold for _, is_gold in pairs], dtype=bool)
    if min(gold.sum(), (~gold).sum()) < FEWEST:
        return default
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(gold[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + gold.sum())
    # Between two equal scores there is nowhere to cut.
    cuttable = np.append(scores[order][1:] < scores[order][:-1], True)
    best = int(np.argmax(np.where(cuttable, f1, -1.0)))
    below = scores[order][best + 1] if best + 1 < len(order) else 0.0
    return float((scores[order][best] + below) / 2)
