"""Labelled spans of characters: people, places, slots."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from polyhead.answers import TaskAnswer
from polyhead.metrics import Counts, total
from polyhead.spans import OUTSIDE, Floats, Integers, Span, best_legal_tags, bio_tags, tag_runs
from polyhead.tasks.base import UNOBSERVED, LabelledTask, Level
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

SPAN_KEYS = {"start", "end", "label", "type", "text"}


@dataclass(frozen=True, slots=True)
class EntitiesAnswer(TaskAnswer):
    """The entities found in a text, in reading order; they never overlap."""

    kind: ClassVar[str] = "entities"
    spans: tuple[Span, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "spans": [span.to_json() for span in self.spans]}


@dataclass(frozen=True, kw_only=True)
class Entities(LabelledTask):
    """Find spans by one BIO tag a word; the state of a word's first token is judged.

    The tags are `O, B-first, I-first, B-second, …` in the order of the labels.
    """

    kind: ClassVar[str] = "entities"
    level: ClassVar[Level] = "words"

    @property
    def tags(self) -> tuple[str, ...]:
        """Name the tags in the order of the logits."""
        return bio_tags(self.known_labels)

    @property
    def outputs(self) -> int:
        return 1 + 2 * len(self.known_labels)

    def read(self, value: object, text: str, problems: list[str]) -> tuple[Span, ...] | None:
        if not isinstance(value, list):
            problems.append(f"entities must be a list of spans. Found {value!r}.")
            return None
        items = cast("list[object]", value)
        before = len(problems)
        read = [_read_span(item, text, problems) for item in items]
        spans = sorted(span for span in read if span is not None)
        for left, right in pairwise(spans):
            if right.start < left.end:
                problems.append(f"entities must not overlap. Found {_shown(left)} and {_shown(right)}.")
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
        """Give each word's first token its tag, shape `(batch, tokens)`; all else is unobserved."""
        words, borders = _words_of(batch)
        targets = np.full(words.shape, UNOBSERVED, dtype=np.int64)
        number = {label: index for index, label in enumerate(self.known_labels)}
        for row, spans in enumerate(values):
            if spans is None:
                continue
            places = np.flatnonzero(words[row])
            starts, ends = borders[row, places, 0], borders[row, places, 1]
            targets[row, places] = OUTSIDE
            for span in spans:
                inside = places[(starts >= span.start) & (ends <= span.end)]
                begin = 1 + 2 * number[span.label] if span.label in number else OUTSIDE
                targets[row, inside] = begin + (begin != OUTSIDE)
                targets[row, inside[:1]] = begin
        return targets

    def misaligned(self, value: Sequence[Span], words: Integers) -> list[Span]:
        """List the spans that do not begin and end where words do; no tag sequence can say them.

        Args:
            value: gold spans of a text.
            words: borders of the text's words, shape `(words, 2)`.
        """
        starts, ends = set(words[:, 0].tolist()), set(words[:, 1].tolist())
        return [span for span in value if span.start not in starts or span.end not in ends]

    def observed(self, targets: Integers | Floats) -> int:
        return int((targets != UNOBSERVED).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the cross-entropy over words; logits `(batch, tokens, tags)`, targets `(batch, tokens)`."""
        labelled = targets != UNOBSERVED
        log_probabilities = logits[labelled].float().log_softmax(dim=-1)
        return -log_probabilities.gather(-1, targets[labelled].unsqueeze(-1)).sum()

    def decode(self, logits: Floats, batch: TokenBatch) -> list[EntitiesAnswer]:
        """Turn logits of shape `(batch, tokens, tags)` into spans.

        A span's confidence is the probability of its least certain word.
        """
        words, borders = _words_of(batch)
        # Words of each row move to the left, so that the decoder never sees a token that is not one.
        places = np.argsort(~words, axis=1, kind="stable")[:, : words.sum(axis=1).max(initial=0)]
        mask = np.take_along_axis(words, places, axis=1)
        picked = np.take_along_axis(logits, places[..., None], axis=1).astype(np.float64)
        scores = picked - np.logaddexp.reduce(picked, axis=-1, keepdims=True)
        tags = best_legal_tags(scores, mask)
        certainty = np.exp(np.take_along_axis(scores, tags[..., None], axis=-1)[..., 0])
        return self._answers(tags, certainty, np.take_along_axis(borders, places[..., None], axis=1), batch.texts)

    def _answers(
        self, tags: Integers, certainty: Floats, borders: Integers, texts: Sequence[str]
    ) -> list[EntitiesAnswer]:
        rows, first, end, labels = tag_runs(tags)
        found: list[list[Span]] = [[] for _ in texts]
        starts, ends = borders[rows, first, 0].tolist(), borders[rows, end - 1, 1].tolist()
        for i, (row, start, stop, label) in enumerate(zip(rows.tolist(), starts, ends, labels.tolist(), strict=True)):
            confidence = float(certainty[row, first[i] : end[i]].min())
            found[row].append(Span(start, stop, self.known_labels[label], texts[int(row)][start:stop], confidence))
        return [EntitiesAnswer(tuple(spans)) for spans in found]

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


def _words_of(batch: TokenBatch) -> tuple[Any, Integers]:
    if batch.words is None or batch.borders is None:
        message = "`batch` must hold words and borders: tokenize with `words=True`."
        raise ValueError(message)
    return batch.words, batch.borders


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
