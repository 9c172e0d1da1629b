"""Where a run stands: what a checkpoint holds beside tensors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Standing:
    """How far training is and what it has seen; plain values, so that JSON keeps it exactly.

    Args:
        step: optimiser steps done.
        epoch: epochs done.
        batch: batches done in the epoch that is under way.
        order: where the epoch that is under way begins: its number, its shares, the draws before it.
        balancing: what the balancer of the losses has learned.
        conflicts: cosines between the gradients of the tasks, one record for each time that they were logged.
        loss_sums: sum of each task's mean losses in this epoch, and over how many batches.
        history: one record for each evaluation.
        best_step: the step of the best weights.
        best_score: their mean primary metric on dev.
        epochs_since_best: evaluations without a better score.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    order: dict[str, Any] | None = None
    balancing: dict[str, Any] = field(default_factory=dict[str, Any])
    conflicts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    loss_sums: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    history: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    best_step: int | None = None
    best_score: float | None = None
    epochs_since_best: int = 0

    def note_losses(self, losses: Mapping[str, float]) -> None:
        """Add the mean loss of each task that a batch was labelled for."""
        for name, loss in losses.items():
            sums = self.loss_sums.setdefault(name, [0.0, 0.0])
            sums[0] += loss
            sums[1] += 1

    def mean_losses(self) -> dict[str, float]:
        """Average each task's losses over this epoch so far."""
        return {name: total / count for name, (total, count) in self.loss_sums.items()}

    def note_score(self, score: float | None) -> bool:
        """Record the dev score of the present weights; without dev rows the latest weights are the best.

        Returns:
            Whether they are kept as the best. Of equal scores the later is: on few dev rows the first epochs tie
            by chance, and the later weights have learned more. It does not count as a better score.
        """
        better = score is None or self.best_score is None or score > self.best_score
        self.epochs_since_best = 0 if better else self.epochs_since_best + 1
        kept = better or score == self.best_score
        if kept:
            self.best_step, self.best_score = self.step, score
        return kept

    def to_json(self) -> dict[str, Any]:
        """Return everything but the step as plain values."""
        values = asdict(self)
        del values["step"]
        return values
