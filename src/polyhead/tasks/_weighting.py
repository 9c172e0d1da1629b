"""What tasks of labels do about rare labels, easy rows and doubtful labels: settings, and a loss that heeds them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Lt

from polyhead.errors import found_instead
from polyhead.tasks.base import LabelledTask

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class WeightedTask(LabelledTask):
    """A task of labels whose loss can be bent.

    Args:
        class_weights: how much the loss of a gold label counts: a number for some labels (the others count 1), or
            `balanced`, which makes all labels count the same in sum.
        focal: 0 is the plain loss; the higher, the less count rows that are answered well already.
        label_smoothing: share of the gold label's probability that is spread over all labels.
        balance: the weights that `balanced` comes to; training fills them in.

    Reference:
        focal: Lin et al. 2017, equation 4, https://arxiv.org/abs/1708.02002. label_smoothing: Szegedy et al. 2016,
        section 7, https://arxiv.org/abs/1512.00567
    """

    class_weights: Literal["balanced"] | Mapping[str, Annotated[float, Gt(0)]] | None = None
    focal: Annotated[float, Ge(0)] = 0.0
    label_smoothing: Annotated[float, Ge(0), Lt(1)] = 0.0
    balance: tuple[float, ...] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for rule in self.unknown_weights(self.labels) if self.labels is not None else ():
            message = f"`class_weights` {rule}"
            raise ValueError(message)

    def unknown_weights(self, labels: Iterable[str]) -> list[str]:
        """Say which labels with a weight are none of these, in a sentence if there are any."""
        known = list(labels)
        named = self.class_weights if isinstance(self.class_weights, Mapping) else {}
        unknown = [label for label in named if label not in known]
        return [f"must name labels of the task. {found_instead(unknown, known)}"] if unknown else []

    def prepared(self, values: Iterable[Any]) -> Self:
        if self.class_weights != "balanced":
            return self
        counts = Counter(label for value in values for label in self.labels_in(value))
        return replace(self, balance=self._balanced(counts))

    def _balanced(self, counts: Mapping[str, int]) -> tuple[float, ...]:
        seen = [count for label in self.known_labels if (count := counts.get(label, 0))]
        mean = sum(seen) / len(seen) if seen else 1.0
        return tuple(mean / max(1, counts.get(label, 0)) for label in self.known_labels)

    def label_weights(self, like: "Tensor") -> "Tensor":
        """Return the weight of each label, shape `(labels,)`."""
        named = self.class_weights if isinstance(self.class_weights, Mapping) else {}
        return like.new_tensor(self.balance or [named.get(label, 1.0) for label in self.known_labels])

    def cross_entropy(self, log_probabilities: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the bent cross-entropy; log-probabilities `(rows, labels)`, targets `(rows,)`, all of them labels."""
        gold = log_probabilities.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        losses = -gold
        if self.label_smoothing:
            even = log_probabilities.mean(dim=-1)
            losses = losses * (1.0 - self.label_smoothing) - even * self.label_smoothing
        if self.focal:
            # The power has no gradient at zero, where an answer is perfect.
            losses = losses * (1.0 - gold.exp()).clamp(min=1e-6) ** self.focal
        if self.class_weights is not None:
            losses = losses * self.label_weights(losses)[targets]
        return losses.sum()
