"""The meaning of a text as a vector: the shared sentence embedding itself, trained on what is alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

import numpy as np
from annotated_types import Gt

from polyhead.answers import TaskAnswer
from polyhead.decoding.likeness import ANCHOR, LEFT, NEGATIVE, POSITIVE, RIGHT, contrast, cosent, squared
from polyhead.metrics import pearson, scatter, spearman
from polyhead.spans import Floats, Integers
from polyhead.tasks._numbers import is_number
from polyhead.tasks.base import Level, Task
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

SEARCHED = 1024
"""Texts whose neighbours are looked for together."""


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer(TaskAnswer):
    """The vector of a text; the cosine of two tells how alike they are.

    Args:
        vector: the numbers.
        text: the text itself, by which it is told from the others when neighbours are looked for.
    """

    kind: ClassVar[str] = "embedding"
    vector: tuple[float, ...]
    text: str = field(default="", repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "vector": list(self.vector)}


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a row says its text is like.

    Args:
        other: another text; the second text of the row when absent.
        negative: a text that is less alike than `other`.
        score: how alike `other` is; without it, it means the same.
    """

    other: str | None
    negative: str | None = None
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Embedding(Task):
    """Train the sentence embedding from pairs, triplets or scored pairs; it has no head.

    A pair's second text is to be found among those of all pairs and triplets of a batch. Scored pairs are to be
    ordered by their scores.

    Args:
        temperature: divides the cosines; the lower, the more the hardest other texts count.
        scored: `cosent` heeds the order of the scores only, `cosine` their distance from the cosine.
        widths: further widths; the vector cut off there is trained to be an embedding too.
        bounds: the lowest and the highest score of the training rows; training fills them in.

    Reference:
        pairs: Oord et al. 2018, equation 4, https://arxiv.org/abs/1807.03748; Henderson et al. 2017,
        https://arxiv.org/abs/1705.00652. widths: Kusupati et al. 2022, https://arxiv.org/abs/2205.13147
    """

    kind: ClassVar[str] = "embedding"
    level: ClassVar[Level] = "text"
    decides: ClassVar[bool] = False

    temperature: Annotated[float, Gt(0)] = 0.05
    scored: Literal["cosent", "cosine"] = "cosent"
    widths: tuple[Annotated[int, Gt(0)], ...] = ()
    bounds: tuple[float, ...] | None = field(default=None, compare=False)

    def read(self, value: object, text: str, problems: list[str]) -> Likeness | None:  # noqa: ARG002
        if isinstance(value, str):
            return Likeness(value)
        if is_number(value):
            return Likeness(None, score=float(cast("float", value)))
        fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        keys = set(fields)
        texts = all(isinstance(fields[key], str) for key in keys - {"score"})
        if texts and keys in ({"positive"}, {"positive", "negative"}):
            return Likeness(cast("str", fields["positive"]), negative=cast("str | None", fields.get("negative")))
        if texts and keys == {"other", "score"} and is_number(fields["score"]):
            return Likeness(cast("str", fields["other"]), score=float(cast("float", fields["score"])))
        rule = "the value must be a text that is alike, a score for `text_pair`, or an object with positive, or with "
        problems.append(f"{rule}positive and negative, or with other and score. Found {value!r}.")
        return None

    def check(self, value: Likeness, *, pair: str | None, problems: list[str]) -> None:
        if value.other is None and pair is None:
            problems.append("a row with a score must have a `text_pair`. Found none.")

    def sides(self, text: str, pair: str | None, value: Likeness) -> tuple[str, ...]:
        other = pair if value.other is None else value.other
        return tuple(side for side in (text, other, value.negative) if side is not None)

    def column_type(self) -> "pa.DataType":
        import pyarrow as pa  # noqa: PLC0415  serving has no pyarrow

        return pa.struct({"other": pa.string(), "negative": pa.string(), "score": pa.float64()})

    def to_column(self, value: Likeness) -> dict[str, Any]:
        return {"other": value.other, "negative": value.negative, "score": value.score}

    def from_column(self, cell: Mapping[str, Any]) -> Likeness:
        return Likeness(cell["other"], cell["negative"], cell["score"])

    def prepared(self, values: Iterable[Likeness]) -> Self:
        scores = [value.score for value in values if value.score is not None]
        return replace(self, bounds=(min(scores), max(scores))) if scores else self

    def targets(self, values: Sequence[Likeness | None], batch: TokenBatch) -> Floats:
        """Say of each side its row, its part in it, the row's score in [0, 1], and which text it is.

        Returns:
            Shape `(sides, 4)`; sides of one text have one number.
        """
        low, high = self.bounds or (0.0, 1.0)
        number = {text: index for index, text in enumerate(dict.fromkeys(batch.texts))}
        rows: list[tuple[float, float, float]] = []
        for row, value in enumerate(values):
            if value is not None and value.score is not None:
                score = (value.score - low) / (high - low or 1.0)
                rows += [(row, LEFT, score), (row, RIGHT, score)]
            elif value is not None:
                parts = (ANCHOR, POSITIVE) if value.negative is None else (ANCHOR, POSITIVE, NEGATIVE)
                rows += [(row, part, 0.0) for part in parts]
        sides = [(*row, number[text]) for row, text in zip(rows, batch.texts, strict=False)]
        return np.array(sides, dtype=np.float32).reshape(-1, 4)

    def observed(self, targets: Integers | Floats) -> int:
        return int(np.isin(targets[:, 1], (ANCHOR, LEFT)).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the losses of the rows, as means over the widths; logits are vectors of shape `(sides, width)`."""
        order = cosent if self.scored == "cosent" else squared
        widths = [width for width in self.widths if width < logits.shape[-1]]
        total = logits.new_zeros(()).float()
        for width in [*widths, logits.shape[-1]]:
            vectors = logits[:, :width].float()
            # The square root has no gradient at zero.
            vectors = vectors / (vectors * vectors).sum(dim=-1, keepdim=True).clamp(min=1e-12).sqrt()
            total = total + contrast(vectors, targets, temperature=self.temperature)
            total = total + order(vectors, targets, temperature=self.temperature)
        return total / (len(widths) + 1)

    def decode(self, logits: Floats, batch: TokenBatch) -> list[EmbeddingAnswer]:
        """Give each text its vector; logits are the embeddings, shape `(batch, width)`."""
        return [EmbeddingAnswer(tuple(row), text) for row, text in zip(logits.tolist(), batch.texts, strict=True)]

    def right(self, value: Likeness, answer: Sequence[EmbeddingAnswer]) -> bool:  # noqa: ARG002
        """Hold always: a vector is neither right nor wrong, so it never spoils a row."""
        return True

    def score(self, values: Sequence[Likeness], answers: Sequence[Sequence[EmbeddingAnswer]]) -> dict[str, Any]:
        """Correlate cosines with scores, and look for the second texts of pairs among all of them.

        Primary is the mean of what there is: Spearman's correlation (no less than 0), and the share of pairs whose
        second text is the nearest of all second and negative texts. A text is not looked for beside itself, as in
        training, and one that is exactly as near as the right one comes before it.
        """
        scores: dict[str, Any] = {}
        found: list[float] = []
        rows = list(zip(values, answers, strict=True))
        rated = [(value.score, of) for value, of in rows if value.score is not None]
        if rated:
            gold = [score for score, _ in rated]
            left, right = (np.array([of[side].vector for _, of in rated]) for side in (0, 1))
            given = _cosines(left, right)
            scores |= {"spearman": spearman(gold, given), "pearson": pearson(gold, given)}
            for width in self.widths:
                scores[f"spearman_{width}"] = spearman(gold, _cosines(left[:, :width], right[:, :width]))
            scores["scatter"] = scatter(gold, given)
            found.append(max(0.0, scores["spearman"]))
        pairs = [(value, of) for value, of in rows if value.score is None]
        if pairs:
            scores |= _retrieval(pairs)
            found.append(scores["recall_at_1"])
        return {"primary": sum(found) / len(found) if found else 0.0, **scores}


def _retrieval(pairs: Sequence[tuple[Likeness, Sequence[EmbeddingAnswer]]]) -> dict[str, float]:
    vectors: dict[str, tuple[float, ...]] = {}
    for value, answers in pairs:
        vectors[cast("str", value.other)] = answers[1].vector
        if value.negative is not None:
            vectors[value.negative] = answers[2].vector
    place = {text: index for index, text in enumerate(vectors)}
    candidates = _unit(np.array(list(vectors.values())))
    ranks: list[Integers] = []
    for begin in range(0, len(pairs), SEARCHED):
        part = pairs[begin : begin + SEARCHED]
        cosines = _unit(np.array([answers[0].vector for _, answers in part])) @ candidates.T
        wanted = [place[cast("str", value.other)] for value, _ in part]
        for row, (_, answers) in enumerate(part):
            itself = place.get(answers[0].text)
            if itself is not None and itself != wanted[row]:
                cosines[row, itself] = -np.inf
        own = cosines[np.arange(len(part)), wanted]
        ranks.append((cosines >= own[:, None]).sum(axis=1) - 1)
    rank = np.concatenate(ranks)
    return {
        "recall_at_1": float((rank < 1).mean()),
        "recall_at_10": float((rank < 10).mean()),  # noqa: PLR2004  as its name says
        "mean_reciprocal_rank": float((1.0 / (rank + 1)).mean()),
    }


def _unit(vectors: Floats) -> Floats:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _cosines(left: Floats, right: Floats) -> Floats:
    return (_unit(left) * _unit(right)).sum(axis=-1)
