"""The family of TorchJD: each kind is a file that names the method and its settings."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from polyhead.balancing.base import At, Balancing, GradientBalancer
from polyhead.errors import MissingExtraError

if TYPE_CHECKING:
    from torch import Tensor
    from torchjd.aggregation import Aggregator


@dataclass(frozen=True, kw_only=True)
class GradientBalancing(Balancing):
    """Join the gradients of the tasks by a method of TorchJD.

    What every task has for itself, such as its head, gets its own gradient. A stateful method keeps a state for each
    set of tasks that occur together in a step. Where a method finds no finite result, the step takes the plain sum.

    Args:
        at: `representation` joins the gradients of the token states and goes back through the encoder once, at about
            the cost of the plain sum; `parameters` joins the gradients of the shared weights, one pass back a task.

    Reference:
        TorchJD: Quinton & Rey 2024, https://arxiv.org/abs/2406.16232
    """

    method: ClassVar[str]
    """The class of `torchjd.aggregation`; its arguments are the fields of the record."""

    counts_tasks: ClassVar[str | None] = None
    """The argument that takes the number of tasks, for methods that must know it."""

    of_parted: ClassVar[str | None] = None
    """What it makes of gradients that have no number in common: their `sum` or their `mean`; absent when neither."""

    at: At = "representation"

    def begin(self, weights: Mapping[str, float], *, seed: int = 0) -> GradientBalancer:  # noqa: ARG002  steps are seeded
        self.aggregator(len(weights))
        return _TorchJdBalancer(weights, self)

    def aggregator(self, tasks: int) -> "Aggregator":
        """Make TorchJD's object.

        Raises:
            MissingExtraError: TorchJD, or a solver that the method needs, is not installed.
        """
        try:
            from torchjd import aggregation  # noqa: PLC0415  recipes load without torch

            settings = {of.name: getattr(self, of.name) for of in fields(self) if of.name != "at"}
            if self.counts_tasks:
                settings[self.counts_tasks] = tasks
            return getattr(aggregation, self.method)(**settings)
        except ImportError as error:
            what, package = f"balancing kind {self.kind!r}", "torchjd and its solvers"
            raise MissingExtraError(what, package, "grad") from error


class _TorchJdBalancer(GradientBalancer):
    def __init__(self, weights: Mapping[str, float], settings: GradientBalancing) -> None:
        super().__init__(weights, settings.at)
        self._settings = settings
        self._aggregators: dict[tuple[str, ...], Aggregator] = {}

    def weigh(self, tasks: tuple[str, ...], gramian: "Tensor") -> "Tensor | None":
        if len(tasks) == 1:
            return gramian.new_ones(1)
        weighting = getattr(self._of(tasks), "gramian_weighting", None)
        if weighting is None:
            return None
        weights = self._tried(tasks, weighting, gramian)
        return gramian.new_ones(len(tasks)) if weights is None else weights

    def join(self, tasks: tuple[str, ...], gradients: "Tensor") -> "Tensor":
        found = self._tried(tasks, self._of(tasks), gradients)
        return gradients.sum(dim=0) if found is None else found

    def _tried(self, tasks: tuple[str, ...], method: "Callable[[Tensor], Tensor]", matrix: "Tensor") -> "Tensor | None":
        """Run a method; nothing where it came to no end, over gradients of zero say, after which it starts afresh."""
        found = None
        # A solver may refuse the numbers that it got itself into.
        with _quiet(), suppress(ValueError):
            found = method(matrix)
        if found is not None and bool(found.isfinite().all()):
            return found
        del self._aggregators[tasks]
        return None

    def state(self) -> dict[str, Any]:
        return {"\n".join(tasks): _state_of(aggregator) for tasks, aggregator in self._aggregators.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        for names, values in state.items():
            tasks = tuple(names.split("\n"))
            with _quiet():
                _restore(self._of(tasks), values, tasks=len(tasks))

    def _of(self, tasks: tuple[str, ...]) -> "Aggregator":
        if tasks not in self._aggregators:
            self._aggregators[tasks] = self._settings.aggregator(len(tasks))
        return self._aggregators[tasks]


@contextmanager
def _quiet() -> Generator[None]:
    """Keep a solver from warning at every step that it could be faster, or that a gradient is zero."""
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _state_of(aggregator: "Aggregator") -> dict[str, Any]:
    """Read what a method carries from step to step: its buffers, and what Nash-MTL keeps beside them."""
    found: dict[str, Any] = {name: tensor.tolist() for name, tensor in aggregator.state_dict().items()}
    previous = getattr(getattr(aggregator, "weighting", None), "prvs_alpha", None)
    return found if previous is None else {**found, "prvs_alpha": previous.tolist()}


def _restore(aggregator: "Aggregator", values: Mapping[str, Any], *, tasks: int) -> None:
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415  recipes load without torch

    if not values:
        return
    # Methods make their buffers when they first see a matrix.
    aggregator(torch.eye(tasks))
    aggregator.load_state_dict({name: torch.tensor(of) for name, of in values.items() if name != "prvs_alpha"})
    if "prvs_alpha" in values:
        weighting: Any = aggregator.weighting
        weighting.prvs_alpha = np.array(values["prvs_alpha"])
