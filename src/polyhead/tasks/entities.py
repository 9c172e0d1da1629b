"""Labelled spans of characters: people, places, slots."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

from annotated_types import Gt

from polyhead.answers import TaskAnswer
from polyhead.decoding.base import SpanDecoder
from polyhead.decoding.crf import LinearChain
from polyhead.decoding.span_scores import SpanScores
from polyhead.decoding.viterbi import Viterbi
from polyhead.metrics import Counts, total
from polyhead.spans import Floats, Integers, Span, bio_tags
from polyhead.tasks.base import WORDS_WEIGHT, LabelledTask, Level, Weight
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

SPAN_KEYS = {"start", "end", "label", "type", "text"}


DECODERS: Mapping[str, Callable[["Entities"], SpanDecoder]] = {
    "viterbi": lambda task: Viterbi(task.known_labels),
    "crf": lambda task: LinearChain(task.known_labels, transitions=task.transitions),
    "span": lambda task: SpanScores(task.known_labels, max_words=task.max_words, lengths=task.lengths),
}


@dataclass(frozen=True, slots=True)
class EntitiesAnswer(TaskAnswer):
    """The entities found in a text, in reading order; they overlap only with `decoder = "span"`."""

    kind: ClassVar[str] = "entities"
    spans: tuple[Span, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "spans": [span.to_json() for span in self.spans]}


@dataclass(frozen=True, kw_only=True)
class Entities(LabelledTask):
    """Find labelled spans of words; the state of a word's first token is judged.

    Args:
        decoder: `crf` judges each word, learns which BIO tags follow which, and takes the best legal sequence;
            `viterbi` does so without learning what follows what; `span` judges every stretch of words, so that spans
            may nest and overlap.
        max_words: the longest span that `decoder = "span"` can find.
        transitions: what `crf` has learned; training fills it in.
        lengths: what `span` has learned about the lengths of spans; training fills it in.
    """

    kind: ClassVar[str] = "entities"
    level: ClassVar[Level] = "words"

    weight: Weight = WORDS_WEIGHT
    decoder: Literal["viterbi", "crf", "span"] = "crf"
    max_words: Annotated[int, Gt(0)] = 12
    transitions: Any = field(default=None, compare=False)
    lengths: Any = field(default=None, compare=False)

    @property
    def tags(self) -> tuple[str, ...]:
        """Name the BIO tags: `O, B-first, I-first, B-second, …` in the order of the labels."""
        return bio_tags(self.known_labels)

    @property
    def _spans(self) -> SpanDecoder:
        return DECODERS[self.decoder](self)

    @property
    def outputs(self) -> int:
        return self._spans.outputs

    @property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        return self._spans.parameters

    def with_parameters(self, parameters: Mapping[str, Any]) -> Self:
        return replace(self, **parameters)

    def read(self, value: object, text: str, problems: list[str]) -> tuple[Span, ...] | None:
        if not isinstance(value, list):
            problems.append(f"entities must be a list of spans. Found {value!r}.")
            return None
        items = cast("list[object]", value)
        before = len(problems)
        read = [_read_span(item, text, problems) for item in items]
        spans = sorted(span for span in read if span is not None)
        for left, right in pairwise(spans):
            if self.decoder != "span" and right.start < left.end:
                rule = f"entities must not overlap. Found {_shown(left)} and {_shown(right)}."
                problems.append(f'{rule} `decoder = "span"` takes such ones.')
            elif (left.start, left.end, left.label) == (right.start, right.end, right.label):
                problems.append(f"an entity must be given once. Found {_shown(left)} twice.")
        return tuple(spans) if len(problems) == before else None

    def labels_in(self, value: Sequence[Span]) -> Iterable[str]:
        return (span.label for span in value)

    def column_type(self) -> "pa.DataType":
        import pyarrow as pa  # noqa: PLC0415  serving has no pyarrow

        return pa.list_(pa.struct({"start": pa.int32(), "end": pa.int32(), "label": pa.string(), "text": pa.string()}))

    def to_column(self, value: Sequence[Span]) -> list[dict[str, Any]]:
        return [{"start": s.start, "end": s.end, "label": s.label, "text": s.text} for s in value]

    def from_column(self, cell: Sequence[Mapping[str, Any]]) -> tuple[Span, ...]:
        return tuple(Span(item["start"], item["end"], item["label"], item["text"]) for item in cell)

    def targets(self, values: Sequence[Sequence[Span] | None], batch: TokenBatch) -> Integers:
        return self._spans.targets(values, batch)

    def misaligned(self, value: Sequence[Span], words: Integers) -> list[Span]:
        """List the spans that do not begin and end where words do; no tag sequence can say them.

        Args:
            value: gold spans of a text.
            words: borders of the text's words, shape `(words, 2)`.
        """
        starts, ends = set(words[:, 0].tolist()), set(words[:, 1].tolist())
        return [span for span in value if span.start not in starts or span.end not in ends]

    def observed(self, targets: Integers | Floats) -> int:
        return self._spans.observed(targets)

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        return self._spans.loss(logits, targets)

    def decode(self, logits: Floats, batch: TokenBatch) -> list[EntitiesAnswer]:
        """Turn logits of shape `(batch, tokens, outputs)` into spans."""
        return [EntitiesAnswer(spans) for spans in self._spans.decode(logits, batch)]

    def right(self, value: Sequence[Span], answer: EntitiesAnswer) -> bool:
        return _places(value) == _places(answer.spans)

    def score(self, values: Sequence[Sequence[Span]], answers: Sequence[EntitiesAnswer]) -> dict[str, Any]:
        """Compute precision, recall and F1 (primary) over spans: exact borders and label, micro average."""
        counts = {label: Counts() for label in self.known_labels}
        for value, answer in zip(values, answers, strict=True):
            gold, given = _places(value), _places(answer.spans)
            for (_, _, label), number in (gold & given).items():
                counts[label].right += number
            for (_, _, label), number in (given - gold).items():
                counts[label].in_vain += number
            for (_, _, label), number in (gold - given).items():
                counts.setdefault(label, Counts()).missed += number
        micro = total(counts)
        return {
            "primary": micro.f1,
            "precision": micro.precision,
            "recall": micro.recall,
            "f1": micro.f1,
            "labels": {label: count.to_json() for label, count in counts.items()},
        }


def _places(spans: Iterable[Span]) -> Counter[tuple[int, int, str]]:
    return Counter((span.start, span.end, span.label) for span in spans)


def _shown(span: Span) -> str:
    return f"{span.text!r} ({span.start}-{span.end})"


def _read_span(item: object, text: str, problems: list[str]) -> Span | None:
    if not isinstance(item, dict):
        problems.append(f"an entity must be an object with start, end and label. Found {item!r}.")
        return None
    fields = cast("dict[str, object]", item)
    start, end, label = fields.get("start"), fields.get("end"), fields.get("label", fields.get("type"))
    if not _is_offset(start) or not _is_offset(end):
        problems.append(f"an entity's start and end must be whole numbers. Found {start!r} and {end!r}.")
    elif not isinstance(label, str) or not label:
        problems.append(f"an entity's label must be a string that is not empty. Found {label!r}.")
    else:
        return _checked(Span(cast("int", start), cast("int", end), label), fields.get("text"), text, problems)
    return None


def _checked(span: Span, claimed: object, text: str, problems: list[str]) -> Span | None:
    start, end = span.start, span.end
    covered = text[start:end] if 0 <= start < end else ""
    if not 0 <= start < end <= len(text):
        rule = f"an entity must satisfy 0 <= start < end <= {len(text)}, the length of the text."
        problems.append(f"{rule} Found start {start}, end {end}.")
    elif covered != covered.strip():
        problems.append(f"an entity must not begin or end with white space. Found {covered!r} ({start}-{end}).")
    elif claimed is not None and claimed != covered:
        problems.append(f"entity {claimed!r} covers characters {start}-{end}, but the text there reads {covered!r}.")
    else:
        return Span(start, end, span.label, covered)
    return None


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
