"""What one pass over a batch gives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor


# No dict, though it reads like one: Accelerate rebuilds dicts from their items, and the embedding would be lost.
@dataclass(frozen=True, slots=True)
class Outputs:
    """What one pass gives; `outputs["topic"]` are the logits of a task.

    Args:
        logits: by task, shape `(batch, outputs)` for texts and `(batch, tokens, outputs)` for words.
        embedding: of the texts, shape `(batch, width)`, after the projection. Where tasks do not share a pass it costs
            one of its own and is there only when no tasks are named, or one that answers with it; else its width is 0.
        tokens: states of the tokens, shape `(batch, tokens, width)`; where tasks do not share a pass, the first's.
        shared: the same states as all that reads them goes back through them: of real tokens only, shape
            `(tokens, width)`, where the encoder runs without padding.
        parameters: by task, what its head holds beside its layers.
    """

    logits: dict[str, Tensor]
    embedding: Tensor
    tokens: Tensor
    shared: Tensor
    parameters: dict[str, dict[str, Tensor]]

    def __getitem__(self, task: str) -> Tensor:
        return self.logits[task]

    def __iter__(self) -> Iterator[str]:
        return iter(self.logits)

    def __len__(self) -> int:
        return len(self.logits)

    def keys(self) -> Iterable[str]:
        """Return the names of the tasks."""
        return self.logits.keys()

    def items(self) -> Iterable[tuple[str, Tensor]]:
        """Return the names of the tasks with their logits."""
        return self.logits.items()
