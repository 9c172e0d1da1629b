"""What every kind of task knows: its rows, its targets, its loss, its answers and its scores.

The record holds the settings from the recipe and loads without torch; `loss` meets tensors only through their methods.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Lt, MinLen, Predicate

from polyhead.answers import TaskAnswer
from polyhead.registry import STRICT
from polyhead.spans import Floats, Integers
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

UNOBSERVED = -100
"""The target of a row, word or padding that bears no label for the task; never a label's number."""

Level = Literal["text", "words"]


def each_once(labels: Sequence[str]) -> bool:
    """Hold when no label is repeated; raise a `ValueError` that names the repeated ones otherwise."""
    repeated = [label for label, count in Counter(labels).items() if count > 1]
    if repeated:
        message = f"must name each label once. Found more often: {', '.join(map(repr, repeated))}."
        raise ValueError(message)
    return True


Labels = Annotated[tuple[Annotated[str, MinLen(1)], ...], MinLen(1), Predicate(each_once)]


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """One question about a text, as the recipe asks it.

    Args:
        weight: how much the task's mean loss counts in the sum; 0 evaluates the task without training it.
        metric_weight: how much the task's primary metric counts in the choice of the best epoch.
    """

    kind: ClassVar[str]
    level: ClassVar[Level]
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    weight: Annotated[float, Ge(0)] = 1.0
    metric_weight: Annotated[float, Ge(0)] = 1.0

    @abstractmethod
    def read(self, value: object, text: str, problems: list[str]) -> Any | None:  # noqa: ANN401
        """Check one value of a row and bring it to its normal form.

        Args:
            value: what the row holds, as JSON gave it; never null.
            text: the text that the value is about.
            problems: receives one sentence (rule, then what was found) for each thing that is wrong.

        Returns:
            The value that `targets` and `score` take, or nothing when a problem was found.
        """

    @abstractmethod
    def column_type(self) -> "pa.DataType":
        """Tell how Arrow stores a value; what comes back goes through `from_column`."""

    def to_column(self, value: Any) -> Any:  # noqa: ANN401
        """Turn a normal value into what Arrow stores."""
        return value

    def from_column(self, cell: Any) -> Any:  # noqa: ANN401
        """Turn what Arrow stored back into the normal value."""
        return cell

    @abstractmethod
    def observed(self, targets: Integers | Floats) -> int:
        """Count the labels in a batch of targets."""

    @abstractmethod
    def targets(self, values: Sequence[Any | None], batch: TokenBatch) -> Integers | Floats:
        """Turn the values of a batch into targets.

        Args:
            values: one a row; nothing where the row is not labelled for this task.
            batch: the tokens of the rows, `words` and `borders` included for tasks of the level `words`.
        """

    @abstractmethod
    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the loss over the observed labels; the trainer divides by their number. Zero when there is none."""

    @abstractmethod
    def decode(self, logits: Floats, batch: TokenBatch) -> Sequence[TaskAnswer]:
        """Turn the logits of a batch into one answer a row."""

    @abstractmethod
    def right(self, value: Any, answer: Any) -> bool:  # noqa: ANN401
        """Tell whether an answer is exactly the gold value."""

    @abstractmethod
    def score(self, values: Sequence[Any], answers: Sequence[Any]) -> dict[str, Any]:
        """Compare gold values with answers.

        Returns:
            Plain Python values, among them `primary` in [0, 1], higher is better.
        """


@dataclass(frozen=True, kw_only=True)
class HeadTask(Task):
    """A task with a head of its own on the encoder.

    Args:
        head: `linear` is Dropout, Linear; `mlp` is Linear, ReLU, Dropout, Linear.
        hidden: width of the `mlp` head's inner layer; half the width of its input when absent.
        dropout: share of the head's inputs that are dropped in training.
    """

    head: Literal["linear", "mlp"] = "linear"
    hidden: Annotated[int, Gt(0)] | None = None
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Count the logits of one text or word."""


@dataclass(frozen=True, kw_only=True)
class LabelledTask(HeadTask):
    """A task whose answers come from a list of labels.

    Args:
        labels: the labels in the order of the logits; read off the training data, sorted, when absent.
    """

    labels: Labels | None = None

    @abstractmethod
    def labels_in(self, value: Any) -> Iterable[str]:  # noqa: ANN401
        """List the labels that a normal value names, repeats included."""

    def with_labels(self, labels: Iterable[str]) -> Self:
        """Return the same settings with the labels filled in."""
        return replace(self, labels=tuple(labels))

    @property
    def known_labels(self) -> tuple[str, ...]:
        """Return the labels of a task that has them; reading the training data fills them in."""
        if self.labels is None:
            message = "labels must be known here: give them in the recipe, or read them off the training data first."
            raise ValueError(message)
        return self.labels
