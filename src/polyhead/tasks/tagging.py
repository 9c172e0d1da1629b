"""One tag a token: parts of speech, chunks, languages."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np

from polyhead.answers import TaskAnswer
from polyhead.decoding.schemes import chunks, is_scheme
from polyhead.metrics import Counts, label_scores, total
from polyhead.spans import Floats, Integers, Span
from polyhead.tasks._weighting import WeightedTask
from polyhead.tasks.base import UNOBSERVED, WORDS_WEIGHT, Level, Weight
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

CONTINUED = -1
"""The target of a token's further subwords, whose scores are averaged with those of its first."""


@dataclass(frozen=True, slots=True)
class TaggingAnswer(TaskAnswer):
    """The tag of each token.

    Args:
        tokens: the tokens in reading order, each with its tag as its label. They are the tokens that came with the
            text, or its words.
    """

    kind: ClassVar[str] = "tagging"
    tokens: tuple[Span, ...]

    @property
    def tags(self) -> list[str]:
        """Return the tags alone."""
        return [token.label for token in self.tokens]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "tags": self.tags, "tokens": [token.to_json() for token in self.tokens]}


@dataclass(frozen=True, kw_only=True)
class Tagging(WeightedTask):
    """Choose one tag for each token that comes with a text.

    Args:
        subwords: which subwords of a token are judged: its `first`, or the `mean` of all.
    """

    kind: ClassVar[str] = "tagging"
    level: ClassVar[Level] = "words"
    per_token: ClassVar[bool] = True

    weight: Weight = WORDS_WEIGHT
    subwords: Literal["first", "mean"] = "first"

    @property
    def outputs(self) -> int:
        return len(self.known_labels)

    def read(self, value: object, text: str, problems: list[str]) -> tuple[str, ...] | None:  # noqa: ARG002
        items = cast("list[object]", value) if isinstance(value, list) else None
        wrong = [value] if items is None else [item for item in items if not isinstance(item, str) or not item]
        if wrong:
            problems.append(f"tags must be a list of strings that are not empty. Found {wrong[0]!r}.")
            return None
        return tuple(cast("list[str]", items))

    def labels_in(self, value: Sequence[str]) -> Iterable[str]:
        return value

    def column_type(self) -> "pa.DataType":
        import pyarrow as pa  # noqa: PLC0415  serving has no pyarrow

        return pa.list_(pa.string())

    def from_column(self, cell: Sequence[str]) -> tuple[str, ...]:
        return tuple(cell)

    def targets(self, values: Sequence[Sequence[str] | None], batch: TokenBatch) -> Integers:
        """Give each token's first subword its tag, shape `(batch, tokens)`; the others go on with it or are nothing."""
        targets = np.full(batch.ids.shape, UNOBSERVED, dtype=np.int64)
        number = {label: index for index, label in enumerate(self.known_labels)}
        for row, tags in enumerate(values):
            if tags is None:
                continue
            _, first, last = batch.units(row)
            # From the end, so that where tokens share a subword the first of them has it.
            for tag, begin, end in reversed(list(zip(tags, first.tolist(), last.tolist(), strict=False))):
                if end > begin and tag in number:
                    targets[row, begin:end] = CONTINUED if self.subwords == "mean" else UNOBSERVED
                    targets[row, begin] = number[tag]
        return targets

    def observed(self, targets: Integers | Floats) -> int:
        return int((targets >= 0).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the cross-entropy over tokens; logits `(batch, tokens, labels)`, targets `(batch, tokens)`."""
        flat = targets.flatten()
        part = flat != UNOBSERVED
        scores, gold = logits.flatten(0, 1)[part].float(), flat[part]
        token = (gold >= 0).cumsum(dim=0) - 1
        tagged = gold[gold >= 0]
        sums = scores.new_zeros(len(tagged), scores.shape[-1]).index_add(0, token, scores)
        subwords = scores.new_zeros(len(tagged)).index_add(0, token, scores.new_ones(len(token)))
        return self.cross_entropy((sums / subwords.unsqueeze(-1)).log_softmax(dim=-1), tagged)

    def decode(self, logits: Floats, batch: TokenBatch) -> list[TaggingAnswer]:
        """Turn logits of shape `(batch, tokens, labels)` into one tag a token."""
        answers: list[TaggingAnswer] = []
        for row, text in enumerate(batch.texts):
            borders, first, last = batch.units(row)
            scores = logits[row, first].astype(np.float64)
            if self.subwords == "mean" and len(first):
                # Sums up to each place: what is between two of them is the sum over a token.
                sums = np.concatenate([np.zeros((1, self.outputs)), np.cumsum(logits[row], axis=0, dtype=np.float64)])
                whole = np.maximum(last, first + 1)
                scores = (sums[whole] - sums[first]) / (whole - first)[:, None]
            probabilities = np.exp(scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True))
            best = probabilities.argmax(axis=-1)
            sure = probabilities.max(axis=-1, initial=0.0)
            parts = zip(borders.tolist(), best.tolist(), sure.tolist(), strict=True)
            tokens = (Span(s, e, self.known_labels[tag], text[s:e], confidence) for (s, e), tag, confidence in parts)
            answers.append(TaggingAnswer(tuple(tokens)))
        return answers

    def right(self, value: Sequence[str], answer: TaggingAnswer) -> bool:
        return list(value) == answer.tags

    def score(self, values: Sequence[Sequence[str]], answers: Sequence[TaggingAnswer]) -> dict[str, Any]:
        """Compute accuracy over tokens, scores of each tag, and of chunks where the tags are those of a scheme.

        Primary is the F1 of chunks where there are some, accuracy elsewhere. A token without answer is missed.
        """
        given = [(answer.tags + [""] * len(value))[: len(value)] for value, answer in zip(values, answers, strict=True)]
        gold = [tag for value in values for tag in value]
        known = (*self.known_labels, "") if any("" in tags for tags in given) else self.known_labels
        scores = label_scores(gold, [tag for tags in given for tag in tags], labels=known)
        if not is_scheme(self.known_labels):
            return {"primary": scores["accuracy"], **scores}
        found = chunk_scores(values, given)
        return {"primary": found["f1"], "chunks": found, **scores}


def chunk_scores(gold: Sequence[Sequence[str]], given: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score chunks strictly: exact tokens and label, micro average."""
    counts: dict[str, Counts] = {}
    for wanted, answered in zip(gold, given, strict=True):
        left, right = Counter(chunks(wanted)), Counter(chunks(answered))
        for parts, name in ((left & right, "right"), (right - left, "in_vain"), (left - right, "missed")):
            for (_, _, label), number in parts.items():
                count = counts.setdefault(label, Counts())
                setattr(count, name, getattr(count, name) + number)
    micro = total(counts)
    labels = {label: count.to_json() for label, count in sorted(counts.items())}
    return {"precision": micro.precision, "recall": micro.recall, "f1": micro.f1, "labels": labels}
