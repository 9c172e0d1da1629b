"""One or several numbers a text: a score, a similarity, a price."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

import numpy as np
from annotated_types import Gt

from polyhead.answers import TaskAnswer
from polyhead.metrics import pearson, scatter, spearman
from polyhead.spans import Floats, Integers
from polyhead.tasks._numbers import is_number
from polyhead.tasks.base import TextTask
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

Numbers = tuple[float | None, ...]
"""The numbers of a row; nothing where one was not annotated."""


@dataclass(frozen=True, slots=True)
class RegressionAnswer(TaskAnswer):
    """The numbers of a text, in the user's unit.

    Args:
        values: one a number that the task asks for.
    """

    kind: ClassVar[str] = "regression"
    values: tuple[float, ...]

    @property
    def value(self) -> float:
        """Return the first number; the only one of most tasks."""
        return self.values[0]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "value": self.value, "values": list(self.values)}


@dataclass(frozen=True, kw_only=True)
class Regression(TextTask):
    """Answer with numbers about a text or a pair of texts.

    Inside, each number is counted in standard deviations from the mean of the training rows.

    Args:
        numbers: how many numbers a row has.
        objective: `mse` is the square of the error; `huber` is its size beyond one standard deviation, so that
            outliers pull less.
        tolerance: how far an exactly right answer may be off, in the user's unit; half a spread when absent.
        centers: the means of the training rows; training fills them in.
        spreads: their standard deviations; training fills them in.

    Reference:
        huber: Huber 1964, https://doi.org/10.1214/aoms/1177703732
    """

    kind: ClassVar[str] = "regression"
    decides: ClassVar[bool] = False

    numbers: Annotated[int, Gt(0)] = 1
    objective: Literal["mse", "huber"] = "mse"
    tolerance: Annotated[float, Gt(0)] | None = None
    centers: tuple[float, ...] | None = field(default=None, compare=False)
    spreads: tuple[float, ...] | None = field(default=None, compare=False)

    @property
    def outputs(self) -> int:
        return self.numbers

    def read(self, value: object, text: str, problems: list[str]) -> Numbers | None:  # noqa: ARG002
        items = cast("list[object]", value) if isinstance(value, list) else [value]
        if len(items) != self.numbers or (self.numbers > 1 and not isinstance(value, list)):
            wanted = "a number" if self.numbers == 1 else f"a list of {self.numbers} numbers"
            problems.append(f"the value must be {wanted}. Found {value!r}.")
            return None
        wrong = [item for item in items if not is_number(item) and not (item is None and self.numbers > 1)]
        if wrong or not any(item is not None for item in items):
            problems.append(
                f"a number must be finite, at most 1e100 either way, and no text. Found {(wrong or items)[0]!r}."
            )
            return None
        return tuple(None if item is None else float(cast("float", item)) for item in items)

    def column_type(self) -> "pa.DataType":
        import pyarrow as pa  # noqa: PLC0415  serving has no pyarrow

        return pa.list_(pa.float64())

    def from_column(self, cell: Sequence[float | None]) -> Numbers:
        return tuple(cell)

    def prepared(self, values: Iterable[Numbers]) -> Self:
        # One pass and three sums a number: the rows may be more than memory holds.
        count, mean, squares = (np.zeros(self.numbers) for _ in range(3))
        for value in values:
            row = np.array(value, dtype=np.float64)
            known = ~np.isnan(row)
            count += known
            step = np.where(known, row - mean, 0.0)
            mean += step / np.maximum(count, 1)
            squares += step * np.where(known, row - mean, 0.0)
        spread = np.sqrt(squares / np.maximum(count, 1))
        return replace(self, centers=tuple(mean.tolist()), spreads=tuple(np.where(spread > 0, spread, 1.0).tolist()))

    def targets(self, values: Sequence[Numbers | None], batch: TokenBatch) -> Floats:  # noqa: ARG002
        """Return standard deviations from the mean, shape `(batch, numbers)`; NaN where nothing is known."""
        rows = [[None] * self.numbers if value is None else value for value in values]
        centers, spreads = self._units()
        return ((np.array(rows, dtype=np.float64) - centers) / spreads).astype(np.float32)

    def observed(self, targets: Integers | Floats) -> int:
        return int((~np.isnan(targets)).sum())

    def loss(self, logits: "Tensor", targets: "Tensor") -> "Tensor":
        """Sum the loss over the known numbers; logits and targets of shape `(batch, numbers)`."""
        known = targets.isnan().logical_not()
        error = logits[known].float() - targets[known].float()
        if self.objective == "mse":
            return (error * error).sum()
        size = error.abs()
        return (error * error * 0.5).where(size <= 1.0, size - 0.5).sum()

    def decode(self, logits: Floats, batch: TokenBatch) -> list[RegressionAnswer]:  # noqa: ARG002
        """Turn logits of shape `(batch, numbers)` into numbers in the user's unit."""
        centers, spreads = self._units()
        return [RegressionAnswer(tuple(row)) for row in (logits.astype(np.float64) * spreads + centers).tolist()]

    def right(self, value: Numbers, answer: RegressionAnswer) -> bool:
        allowed = self._tolerances()
        known = zip(value, answer.values, allowed, strict=True)
        return all(gold is None or abs(gold - given) <= most for gold, given, most in known)

    def score(self, values: Sequence[Numbers], answers: Sequence[RegressionAnswer]) -> dict[str, Any]:
        """Compute Pearson's correlation (primary, no less than 0), Spearman's, the mean absolute and squared error.

        Of several numbers, correlations are averaged over the numbers, errors over all that is known. Where gold
        never changes there is no correlation, and only answers without error have a primary of 1.
        """
        gold = np.array(values, dtype=np.float64).reshape(-1, self.numbers)
        given = np.array([answer.values for answer in answers], dtype=np.float64).reshape(-1, self.numbers)
        columns = [(gold[known, i], given[known, i]) for i, known in enumerate(~np.isnan(gold).T)]
        errors = np.concatenate([answer - value for value, answer in columns])
        exact = len(errors) > 0 and not errors.any()
        # A number that is annotated nowhere here has no correlation.
        known = [column for column in columns if len(column[0])]
        linear, ranked = (
            float(np.mean([of(*column) for column in known])) if known else 0.0 for of in (pearson, spearman)
        )
        return {
            "primary": 1.0 if exact else max(0.0, linear),
            "pearson": linear,
            "spearman": ranked,
            "mae": float(np.abs(errors).mean()) if len(errors) else 0.0,
            "rmse": math.sqrt(float((errors**2).mean())) if len(errors) else 0.0,
            "tolerance": list(self._tolerances()),
            "scatter": scatter(*columns[0]),
        }

    def _units(self) -> tuple[Floats, Floats]:
        centers, spreads = self.centers or (0.0,) * self.numbers, self.spreads or (1.0,) * self.numbers
        return np.array(centers), np.array(spreads)

    def _tolerances(self) -> tuple[float, ...]:
        if self.tolerance is not None:
            return (self.tolerance,) * self.numbers
        return tuple(spread / 2 for spread in self.spreads or (1.0,) * self.numbers)
