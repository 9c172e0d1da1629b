"""Whether a graph answers as the model does: the same texts through both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from polyhead.runtime.engine import Engine
from polyhead.runtime.predictor import EncoderPass, Predictor
from polyhead.spans import Floats
from polyhead.tasks.base import Task
from polyhead.text.planner import plan_batches
from polyhead.text.tokens import Passage, TextTokenizer

BUDGET = 1024
"""Padded tokens of a batch."""

CLOSE = 1e-3
"""How far numbers of equal answers may lie apart: far below what anyone reads off a confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How far a graph is from its model.

    Args:
        texts: how many were compared, edge cases included.
        difference: the largest difference of a logit or of a number of the embedding, at real tokens.
        unequal: texts with a decoded answer that is another one.
        example: the first of them.
    """

    texts: int
    difference: float
    unequal: int
    example: str | None = None

    @property
    def holds(self) -> bool:
        """Tell whether the graph may stand for the model; a difference that is no number never does."""
        return self.difference <= CLOSE and not self.unequal

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest keeps."""
        return {"texts": self.texts, "max_difference": self.difference, "unequal_answers": self.unequal}


def compare(
    model: Engine, graph: Engine, *, tokenizer: TextTokenizer, tasks: Mapping[str, Task], texts: Sequence[str | Passage]
) -> Parity:
    """Run texts through a model and through its graph, and compare logits, embeddings and decoded answers."""
    left = Predictor(tasks=tasks, tokenizer=tokenizer, engine=model)
    right = Predictor(tasks=tasks, tokenizer=tokenizer, engine=graph)
    names, difference, unequal = tuple(tasks), 0.0, list[str]()
    # Numbers are in the user's unit, so that only their logits tell what is close.
    deciding = [name for name, task in tasks.items() if task.decides]
    tokenized = left.tokenize(texts, names)
    for indices in plan_batches([len(item) for item in tokenized], budget=BUDGET):
        batch = [tokenized[index] for index in indices]
        first, second = left.run(batch, names), right.run(batch, names)
        difference = float(np.maximum(difference, _difference(first, second, tasks)))
        if not first.outputs.embedding.shape[1]:
            plain, other = left.run(batch, ()), right.run(batch, ())
            difference = float(np.maximum(difference, _difference(plain, other, {})))
        asked = [deciding] * len(batch)
        for answer, other in zip(left.answers(first, asked), right.answers(second, asked), strict=True):
            if not alike(answer.to_json(), other.to_json()):
                unequal.append(answer.text)
    return Parity(
        texts=len(texts), difference=difference, unequal=len(unequal), example=unequal[0] if unequal else None
    )


def alike(left: object, right: object) -> bool:
    """Tell whether two answers say the same; numbers may differ by rounding."""
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right) <= CLOSE
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        first, second = cast("Mapping[str, object]", left), cast("Mapping[str, object]", right)
        return first.keys() == second.keys() and all(alike(first[key], second[key]) for key in first)
    if isinstance(left, list) and isinstance(right, list):
        items, others = cast("list[object]", left), cast("list[object]", right)
        return len(items) == len(others) and all(map(alike, items, others))
    return left == right


def edge_texts(tokenizer: TextTokenizer, words: Sequence[str]) -> list[str]:
    """List what real texts rarely hold: nothing, one token, the longest text, and signs of many scripts."""
    word = words[0].split()[0] if words and words[0].split() else "a"
    # A word has at least one token and a separator, so this is longer than the encoder reads.
    longest = " ".join([word] * min(tokenizer.max_tokens, 8192))
    return ["", word, "?", longest, "\u202e\U0001f642 \u4f60\u597d \u0645\u0631\u062d\u0628\u0627 e\u0301 \u200b"]


def _difference(left: EncoderPass, right: EncoderPass, tasks: Mapping[str, Task]) -> float:
    # An embedding that nobody asked for may be left out where it costs a pass.
    asked = left.outputs.embedding.shape[1]
    found = [_largest(left.outputs.embedding, right.outputs.embedding)] if asked else []
    for name, task in tasks.items():
        first, second = left.outputs.of(name), right.outputs.of(name)
        if task.level == "words":
            first, second = first[left.batch.mask], second[left.batch.mask]
        found.append(_largest(first, second))
    # Unlike Python's, this maximum keeps what is no number.
    return float(np.max(found))


def _largest(left: Floats, right: Floats) -> float:
    return float(np.abs(left - right).max(initial=0.0))
