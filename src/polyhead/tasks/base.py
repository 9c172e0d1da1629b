"""What every kind of task knows: its rows, its targets, its loss, its answers and its scores.

The record holds the settings from the recipe and loads without torch; `loss` meets tensors only through their methods.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Gt, Le, Lt, MinLen, Predicate

from polyhead.answers import TaskAnswer
from polyhead.registry import STRICT
from polyhead.spans import Floats, Integers
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

UNOBSERVED = -100
"""The whole-number target of a row, word or padding that bears no label for the task; never a label's number.

Targets that are measured rather than counted carry NaN there.
"""

Level = Literal["text", "words"]
Weight = Annotated[float, Ge(0)]
WIDEST = 65_536
"""The widest layer that a recipe may ask for; a slip of the finger would take all memory."""

WORDS_WEIGHT = 5.0
"""The `weight` of a task about words where the recipe gives none.

The single label of a text has a noisier loss than the mean over its many words, and is sooner learned by heart.
"""


def each_once(labels: Sequence[str]) -> bool:
    """Hold when no word is repeated; raise a `ValueError` that names the repeated ones otherwise."""
    repeated = [label for label, count in Counter(labels).items() if count > 1]
    if repeated:
        message = f"must name each once. Found more often: {', '.join(map(repr, repeated))}."
        raise ValueError(message)
    return True


Labels = Annotated[tuple[Annotated[str, MinLen(1)], ...], MinLen(1), Predicate(each_once)]


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """One question about a text, as the recipe asks it.

    Fields with `compare=False` are filled in by training: no keys of the recipe, but part of what a model folder says.

    Args:
        weight: how much the task's mean loss counts in the sum; 0 evaluates the task without training it.
        metric_weight: how much the task's primary metric counts in the choice of the best epoch.
    """

    kind: ClassVar[str]
    level: ClassVar[Level]
    per_token: ClassVar[bool] = False
    """Whether a value has one item for each token that came with the row."""
    decides: ClassVar[bool] = True
    """Whether an answer is a choice, which logits that differ by rounding may make otherwise; else it is a number."""
    tunes: ClassVar[bool] = False
    """Whether `tuned` does anything."""
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    weight: Weight = 1.0
    metric_weight: Weight = 1.0

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

    def check(self, value: Any, *, pair: str | None, problems: list[str]) -> None:  # noqa: ANN401, B027  most have nothing to check
        """Check a normal value against the rest of its row.

        Args:
            value: what `read` returned.
            pair: the second text of the row, if it has one.
            problems: receives one sentence for each thing that is wrong.
        """

    def sides(self, text: str, pair: str | None, value: Any) -> tuple[str, ...]:  # noqa: ANN401, ARG002
        """List the texts that this task reads apart from each other; none when it reads the row as it is.

        The logits of such a task have one row a side instead of one row a row, and so has `score`: it gets, for each
        value, the tuple of the answers about its sides.
        """
        return ()

    def prepared(self, values: Iterable[Any]) -> Self:  # noqa: ARG002
        """Return the same settings with what must be known of the training values, such as their mean."""
        return self

    def with_parameters(self, parameters: Mapping[str, Any]) -> Self:  # noqa: ARG002
        """Return the same settings with the trained parameters that are not layers of the head.

        Args:
            parameters: by the names of `HeadTask.parameters`: tensors in training, tuples of numbers afterwards.
        """
        return self

    def tuned(self, values: Sequence[Any], answers: Sequence[Any]) -> Self:  # noqa: ARG002
        """Return the same settings with what is best chosen on dev once training is over, such as thresholds."""
        return self

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
    hidden: Annotated[int, Gt(0), Le(WIDEST)] | None = None
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Count the logits of one text or word."""

    @property
    def head_outputs(self) -> int:
        """Count the numbers that the head gives for one text or word: the logits, and what joins them."""
        return self.outputs

    @property
    def parameters(self) -> Mapping[str, tuple[int, ...]]:
        """Name the trained parameters beside the layers of the head, with their shapes; they start at zero."""
        return {}


@dataclass(frozen=True, kw_only=True)
class TextTask(HeadTask):
    """A task about a text as a whole.

    Args:
        windows: how the logits of a long text's windows become one: their `mean`, their `max`, or `attention`, for
            which the head gives each window a weight beside its logits.
    """

    level: ClassVar[Level] = "text"

    windows: Literal["mean", "max", "attention"] = "mean"

    @property
    def head_outputs(self) -> int:
        return self.outputs + (self.windows == "attention")


@dataclass(frozen=True, kw_only=True)
class LabelledTask(HeadTask):
    """A task whose answers come from a list of labels.

    Args:
        labels: the labels in the order of the logits; read off the training data, sorted, when absent.
    """

    fewest_labels: ClassVar[int] = 1
    """How many labels there must be to choose from."""

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
