"""What a predictor needs of whatever runs the encoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from polyhead.spans import Floats
from polyhead.text.tokens import TokenBatch


@dataclass(frozen=True, slots=True)
class EngineOutputs:
    """What an engine computes for a batch.

    Args:
        logits: by task, shape `(batch, outputs)` for texts or `(batch, tokens, outputs)` for words.
        embedding: shape `(batch, width)`.
    """

    logits: Mapping[str, Floats]
    embedding: Floats

    def of(self, task: str) -> Floats:
        """Return the logits of a task; a task without a head reads the embedding itself."""
        return self.logits.get(task, self.embedding)


class Engine(Protocol):
    """Runs the encoder once over a batch, and the heads that are asked for."""

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        """Compute the logits of the named tasks, and the embedding where one of them reads it or none is named."""
        ...
