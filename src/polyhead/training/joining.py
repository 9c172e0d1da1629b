"""Sums and joins over the processes of a run; with one process they change nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from accelerate import Accelerator
from torch import Tensor

from polyhead.balancing.base import GradientBalancer


class Processes:
    """What the processes of a run tell each other.

    Args:
        accelerator: knows them.
        count: how many there are.
    """

    def __init__(self, accelerator: Accelerator, *, count: int | None = None) -> None:
        self._accelerator = accelerator
        self.count = accelerator.num_processes if count is None else count

    def alone(self) -> "Processes":
        """Return this process by itself, for what has been averaged already."""
        return Processes(self._accelerator, count=1)

    def mean(self, tensor: Tensor) -> Tensor:
        """Average a tensor of the same shape over the processes."""
        if self.count == 1:
            return tensor
        return cast("Tensor", self._accelerator.reduce(tensor, "sum")) / self.count

    def mean_of(self, values: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
        """Average numbers by name; a process that lacks one counts as 0."""
        if self.count == 1:
            return {name: values[name] for name in names if name in values}
        own = torch.tensor([values.get(name, 0.0) for name in names], dtype=torch.float64)
        found = self.mean(own.to(self._accelerator.device)).tolist()
        return dict(zip(names, found, strict=True))

    def gathered(self, rows: Tensor, join: Callable[[Tensor], Tensor]) -> Tensor:
        """Join gradients that lie side by side on all processes, and return this process's part of the result.

        Args:
            rows: the gradients of this process, shape `(tasks, numbers)`; each process has its own number of them.
            join: from shape `(tasks, all numbers)` to `(all numbers,)`, the same on every process.
        """
        if self.count == 1:
            return join(rows)
        padded = cast("Tensor", self._accelerator.pad_across_processes(rows, dim=1))
        every = cast("Tensor", self._accelerator.gather(padded.contiguous()))
        side_by_side = every.view(self.count, len(rows), -1).transpose(0, 1).reshape(len(rows), -1)
        joined = join(side_by_side).view(self.count, -1)
        return joined[self._accelerator.process_index, : rows.shape[1]]


def joined(
    balancer: GradientBalancer, tasks: tuple[str, ...], parts: Sequence[Tensor], *, processes: Processes
) -> list[Tensor]:
    """Join the gradients of the tasks over all parts of a step and all processes.

    Args:
        balancer: says how.
        tasks: the tasks that the step has labels for, on any process.
        parts: gradients of the tasks, shape `(tasks, numbers)`, of each part of the step.
        processes: gradients are averaged over them, as the plain sum's are.

    Returns:
        The joined gradient of each part, scaled so that its average over the processes is right.
    """
    gramian = gramian_of(parts, processes=processes)
    if not torch.isfinite(gramian).all():
        # The step is refused for its gradient; a solver would only fail before that.
        return [part.sum(dim=0) for part in parts]
    weights = balancer.weigh(tasks, gramian)
    if weights is not None:
        return [weights.to(part.dtype) @ part for part in parts]
    sizes = [part.shape[1] for part in parts]
    rows = torch.cat(list(parts), dim=1) / processes.count
    whole = processes.gathered(rows, lambda every: balancer.join(tasks, every))
    return list((whole * processes.count).split(sizes))


def gramian_of(parts: Sequence[Tensor], *, processes: Processes) -> Tensor:
    """Take the inner products of the tasks' gradients, shape `(tasks, tasks)`."""
    own = sum((part @ part.T for part in parts[1:]), start=parts[0] @ parts[0].T)
    # The gradients themselves are divided by the number of processes, their products by its square.
    return processes.mean(own) / processes.count


def cosines(gramian: Tensor) -> Tensor:
    """Turn inner products into cosines, shape `(tasks, tasks)`; a gradient of zero is at right angles to all."""
    norms = gramian.diagonal().clamp(min=0).sqrt()
    return gramian / (norms[:, None] * norms[None, :]).clamp(min=torch.finfo(gramian.dtype).tiny)
