"""The loop: plain, with every step in sight, and nothing in a step that waits for the device."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from batches import BatchSource, MaskedBatch
from network import Guesses, Network
from torch import Tensor, nn

from polyhead.errors import TrainingError
from polyhead.training.checkpoints import Checkpoint, CheckpointStore
from polyhead.training.interruption import Interruption
from polyhead.training.optimizers import learning_rate_factor, parameter_groups, set_learning_rate
from polyhead.training.state import model_tensors, optimizer_tensors, restore_model, restore_optimizer
from polyhead.training.steps import step_seed

WARMUP, DECAY, CLIP, BETAS = 0.05, 0.01, 1.0, (0.9, 0.98)
"""As for `compact` from scratch, but for a shorter warm-up: there are many more steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long and how fast to learn.

    Args:
        steps: optimiser steps, unless `minutes` is given.
        minutes: minutes of training, those before an interruption included.
        learning_rate: the highest rate.
        seed: fixes weights, order, masks and dropout.
    """

    steps: int | None
    minutes: float | None
    learning_rate: float
    seed: int

    def share_done(self, step: int, seconds: float) -> float:
        """Return how much is done, in [0, 1].

        Args:
            step: steps before this one.
            seconds: time spent before it.
        """
        if self.minutes is not None:
            return min(1.0, seconds / 60 / self.minutes)
        return (step + 1) / ((self.steps or 0) + 1)

    def finished(self, step: int, seconds: float) -> bool:
        """Tell whether no step is left."""
        return step >= (self.steps or 0) if self.minutes is None else seconds >= 60 * self.minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds between what is done now and then; none of it changes what is learned.

    Args:
        log: lines of the log.
        measure: measuring on what is held out.
        save: checkpoints.
    """

    log: float = 10.0
    measure: float = 120.0
    save: float = 120.0


class Alarm:
    """Rings once when its time is over, then starts anew."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, time.monotonic() + seconds

    def rings(self) -> bool:
        """Tell whether the time is over."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._seconds
        return True


class Log:
    """Lines of JSON, in a file and on the terminal."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, line: Mapping[str, Any]) -> None:
        """Add a line; numbers are rounded to six digits."""
        text = json.dumps({name: float(f"{of:.6g}") if isinstance(of, float) else of for name, of in line.items()})
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
        print(text, flush=True)


class Loop:
    """Trains a network from wherever it stands to the end.

    Args:
        network: trained in place, on the device where it is.
        batches: what it learns from.
        settings: how long and how fast.
        store: where checkpoints go; the newest whole one is where it begins.
        log: where its progress goes.
        pauses: how often it logs, measures and saves.
    """

    def __init__(
        self,
        network: Network,
        batches: BatchSource,
        *,
        settings: Settings,
        store: CheckpointStore,
        log: Log,
        pauses: Pauses,
    ) -> None:
        self._network, self._batches, self._settings, self._store, self._log = network, batches, settings, store, log
        self._device = network.bias.device
        groups = parameter_groups(network.parameters(), rate=settings.learning_rate, decay=DECAY)
        self._optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, fused=True)
        self._weights = list(network.parameters())
        self._alarms = {name: Alarm(getattr(pauses, name)) for name in ("log", "measure", "save")}
        self.step, self._seconds_before, self._since = 0, 0.0, time.monotonic()
        self._unlogged: list[Tensor] = []
        self._tokens, self._logged_at = 0, self._since
        self.measured: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """Return the time that training took so far, before interruptions included."""
        return self._seconds_before + time.monotonic() - self._since

    def resume(self) -> None:
        """Go on from the newest whole checkpoint, if there is one."""
        checkpoint, passed_over = self._store.newest()
        for reason in passed_over:
            self._log.add({"passed_over": reason})
        if checkpoint is not None:
            restore_model(self._network, checkpoint.tensors)
            restore_optimizer(self._network, self._optimizer, checkpoint.tensors)
            self.step, self._seconds_before = checkpoint.step, checkpoint.meta["seconds"]
            self._log.add({"step": self.step, "resumed": True})

    def run(self, interruption: Interruption) -> None:
        """Train to the end.

        Args:
            interruption: of whoever stops the run; what is learned is saved first.

        Raises:
            TrainingError: the loss is not finite; checkpoints are from before.
        """
        self._since = self._logged_at = time.monotonic()
        weights = sum(weight.numel() for weight in self._weights)
        self._log.add({"weights": weights, "steps_per_epoch": self._batches.steps_per_epoch})
        self._measure()
        for batch in self._prepared():
            self._learn(batch)
            if self._alarms["log"].rings():
                self._report()
            if self._alarms["measure"].rings():
                self._measure()
            if interruption.signal_number is not None or self._alarms["save"].rings():
                self._save()
                interruption.raise_if_requested()
        self._report()
        self._measure()
        self._save()

    def _prepared(self) -> Iterator[MaskedBatch]:
        """Make the batches one step ahead of the device."""

        def make(step: int) -> MaskedBatch:
            batch = self._batches.make(step)
            # From pinned memory the copy runs while the device still works on the batch before.
            return batch.through(Tensor.pin_memory) if self._device.type == "cuda" else batch

        with ThreadPoolExecutor(max_workers=1) as executor:
            ahead = executor.submit(make, self.step)
            while not self._settings.finished(self.step, self.seconds):
                batch = ahead.result()
                ahead = executor.submit(make, self.step + 1)
                yield self._placed(batch)

    def _placed(self, batch: MaskedBatch) -> MaskedBatch:
        return batch.through(lambda tensor: tensor.to(self._device, non_blocking=True))

    def _guess(self, batch: MaskedBatch) -> Guesses:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            return self._network(batch)

    def _learn(self, batch: MaskedBatch) -> None:
        self._network.train()
        torch.manual_seed(step_seed(self._settings.seed, self.step, 0))
        loss = self._guess(batch).loss
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights, CLIP)
        factor = learning_rate_factor(self._settings.share_done(self.step, self.seconds), warmup=WARMUP)
        set_learning_rate(self._optimizer, factor)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1
        self._unlogged.append(loss.detach())
        self._tokens += int(batch.packing.lengths.sum())

    def _report(self) -> None:
        """Log the steps since the last line. Only here are losses fetched from the device."""
        if not self._unlogged:
            return
        loss = float(torch.stack(self._unlogged).mean())
        now = time.monotonic()
        line = {
            "step": self.step,
            "epoch": self.step / self._batches.steps_per_epoch,
            "loss": loss,
            "tokens_per_second": self._tokens / max(now - self._logged_at, 1e-9),
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "seconds": self.seconds,
        }
        self._log.add(line)
        self._unlogged, self._tokens, self._logged_at = [], 0, now
        if not math.isfinite(loss):
            rule = f"step {self.step}: the loss must be finite. Found {loss}."
            message = f"{rule} The last good checkpoint is kept. Begin anew with a lower --learning-rate."
            raise TrainingError(message)

    def _measure(self) -> None:
        self._network.eval()
        with torch.no_grad():
            found = [self._guess(self._placed(batch)) for batch in self._batches.held_out()]
        loss, right = (float(torch.stack(of).mean()) for of in ([g.loss for g in found], [g.right for g in found]))
        self.measured = {"held_out_loss": loss, "held_out_right": right}
        self._log.add({"step": self.step, **self.measured})

    def _save(self) -> None:
        # What is not finite is found before it is kept.
        self._report()
        tensors = {**model_tensors(self._network), **optimizer_tensors(self._network, self._optimizer)}
        self._store.save(Checkpoint(self.step, tensors, {"seconds": self.seconds, "best_step": None}))
