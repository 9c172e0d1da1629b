"""The training loop: plain, with every step in sight."""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from accelerate import Accelerator

from polyhead.balancing.base import LossBalancer
from polyhead.data.order import Draw, Epoch, EpochOrder
from polyhead.data.rows import Rows
from polyhead.errors import NonFiniteLossError, TrainingError
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import Recipe
from polyhead.runtime.predictor import Predictor
from polyhead.sampling.base import Course
from polyhead.spans import Integers
from polyhead.training.averaging import WeightAverage
from polyhead.training.checkpoints import Checkpoint, CheckpointStore
from polyhead.training.conflicts import conflict_record, scalars
from polyhead.training.defaults import Settings
from polyhead.training.evaluation import evaluate, overall
from polyhead.training.gradients import Gradients
from polyhead.training.interruption import Interruption
from polyhead.training.optimizers import build_optimizer, learning_rate_factor, set_learning_rate
from polyhead.training.progress import Progress
from polyhead.training.standing import Standing
from polyhead.training.state import model_tensors, optimizer_tensors, restore_model, restore_optimizer
from polyhead.training.steps import BatchMaker, Labelled

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run trains on and how; nothing in it changes while it runs.

    Args:
        recipe: the recipe, labels filled in.
        settings: the training settings with nothing left open.
        order: which rows come when.
        lengths: tokens of each training row, shape `(rows,)`.
        batches: turns row numbers into labelled batches.
        dev: the rows that pick the best epoch, if there are any.
        fingerprint: what must not change between a run and its resumption.
    """

    recipe: Recipe
    settings: Settings
    order: EpochOrder
    lengths: Integers
    batches: BatchMaker
    dev: Rows | None
    fingerprint: Mapping[str, Any]


class Loop:
    """Runs a plan from wherever it stands to its end.

    Args:
        plan: what to do.
        model: the model; it is trained in place.
        accelerator: devices, precision, processes and trackers.
        store: where checkpoints go.
        progress: who is told.
    """

    def __init__(
        self, plan: Plan, model: MultiTaskModel, *, accelerator: Accelerator, store: CheckpointStore, progress: Progress
    ) -> None:
        self._plan, self._accelerator, self._store, self._progress = plan, accelerator, store, progress
        self._model = model
        optimizer = build_optimizer(model, plan.settings)
        self._wrapped, self._optimizer = accelerator.prepare(model, optimizer)
        self._inner_optimizer = optimizer
        self._average = WeightAverage(model, plan.settings.ema_decay)
        self._gradients = Gradients(model, self._wrapped, recipe=plan.recipe, accelerator=accelerator)
        self.standing = Standing()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint, so that what follows is what would have followed."""
        restore_model(self._model, checkpoint.tensors)
        restore_optimizer(self._model, self._inner_optimizer, checkpoint.tensors)
        self._average.restore(checkpoint.tensors)
        values = {name: value for name, value in checkpoint.meta.items() if name != "fingerprint"}
        self.standing = Standing(step=checkpoint.step, **values)
        self._gradients.balancer.restore(self.standing.balancing)

    def run(self, interruption: Interruption) -> None:
        """Train to the end.

        Raises:
            NonFiniteLossError: a task's loss is NaN or infinite; the weights before that step are saved.
        """
        while not self._finished():
            self._run_epoch(interruption)
            with self._average.applied():
                self._evaluate()
            self._save()
            if not self._finished():
                interruption.raise_if_requested()

    def load_best(self) -> None:
        """Put the best weights into the model."""
        if self.standing.best_step is not None:
            restore_model(self._model, self._store.load_best(self.standing.best_step).tensors)

    def _finished(self) -> bool:
        patience = self._plan.recipe.training.patience
        out_of_patience = patience is not None and self.standing.epochs_since_best >= patience
        return out_of_patience or self._finished_steps() or self.standing.epoch >= self._plan.settings.epochs

    def _finished_steps(self) -> bool:
        limit = self._plan.settings.max_steps
        return limit is not None and self.standing.step >= limit

    def _run_epoch(self, interruption: Interruption) -> None:
        standing, plan = self.standing, self._plan
        if standing.batch == 0:
            standing.loss_sums = {}
            standing.order = self._next_epoch().to_json()
        epoch = Epoch.from_json(standing.order or {})
        batches = plan.order.batches(epoch, plan.lengths, budget=plan.settings.batch_tokens)
        self._progress.shares(plan.order.table(epoch), epoch=epoch.number)
        self._progress.epoch(standing.epoch, len(batches), done=standing.batch)
        for parts in self._prepared(batches[standing.batch :]):
            self._step(parts, done=standing.batch / len(batches))
            standing.batch += len(parts)
            if self._finished_steps():
                return
            if interruption.signal_number is not None:
                self._save()
                interruption.raise_if_requested()
            self._save_if_due()
        standing.epoch, standing.batch = standing.epoch + 1, 0
        if isinstance(self._gradients.balancer, LossBalancer):
            self._gradients.balancer.end_epoch(standing.mean_losses())

    def _next_epoch(self) -> Epoch:
        """Settle the shares of the epoch that begins, from what happened before it."""
        standing, order = self.standing, self._plan.order
        scores = tuple(record["dev"] for record in standing.history if "dev" in record)
        course = Course(progress=self._progress_so_far(), scores=scores)
        shares = self._plan.recipe.sampling.shares(order.task_rows(), course)
        return order.first(shares) if standing.order is None else order.after(Epoch.from_json(standing.order), shares)

    def _progress_so_far(self) -> float:
        if self._plan.settings.max_steps is not None:
            return self.standing.step / self._plan.settings.max_steps
        return self.standing.epoch / max(1, self._plan.settings.epochs - 1)

    def _prepared(self, batches: Sequence[Draw]) -> Iterator[list[Labelled]]:
        """Make the batches of each step, one step ahead of the device."""
        size, epoch = self._plan.recipe.training.accumulate, self.standing.epoch
        steps = [batches[i : i + size] for i in range(0, len(batches), size)]
        rank, world = self._accelerator.process_index, self._accelerator.num_processes

        def make(parts: Sequence[Draw]) -> list[Labelled]:
            return [self._plan.batches.make(draw, epoch=epoch, rank=rank, world=world) for draw in parts]

        with ThreadPoolExecutor(max_workers=1) as executor:
            ahead = executor.submit(make, steps[0]) if steps else None
            for following in [*steps[1:], None]:
                ready = ahead
                ahead = executor.submit(make, following) if following is not None else None
                if ready is not None:
                    yield ready.result()

    def _step(self, parts: Sequence[Labelled], *, done: float) -> None:
        training, step = self._plan.recipe.training, self.standing.step
        compare = training.log_conflicts and step % training.conflict_steps == 0
        losses = self._gradients.compute(parts, step=step, compare=compare)
        norm = self._accelerator.clip_grad_norm_(self._wrapped.parameters(), self._plan.settings.clip)
        self._refuse_non_finite(losses, float(cast("Tensor", norm)))
        factor = learning_rate_factor(self._share_done(done), warmup=self._plan.settings.warmup)
        set_learning_rate(self._inner_optimizer, factor)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._gradients.learn(parts, step=step)
        self.standing.step += 1
        self._average.update(self.standing.step)
        self.standing.note_losses(losses)
        if compare and self._gradients.gramian is not None:
            record = conflict_record(self.standing.step, *self._gradients.gramian)
            self.standing.conflicts.append(record)
            self._accelerator.log(scalars(record), step=self.standing.step)
        self._report(losses, len(parts))

    def _refuse_non_finite(self, losses: Mapping[str, float], norm: float) -> None:
        bad = next((name for name, loss in losses.items() if not math.isfinite(loss)), None)
        if bad is None and math.isfinite(norm):
            return
        self._optimizer.zero_grad()
        self._save()
        if bad is not None:
            raise NonFiniteLossError(task=bad, step=self.standing.step + 1, value=losses[bad])
        message = (
            f"step {self.standing.step + 1}: the gradient must be finite. Found norm {norm} at losses {dict(losses)}. "
            "The last good checkpoint is kept. Lower `training.learning_rate`."
        )
        raise TrainingError(message)

    def _share_done(self, done_of_epoch: float) -> float:
        limit = self._plan.settings.max_steps
        if limit is not None:
            return (self.standing.step + 1) / (limit + 1)
        return min(1.0, (self.standing.epoch + done_of_epoch) / self._plan.settings.epochs)

    def _report(self, losses: Mapping[str, float], batches: int) -> None:
        rate = max(group["lr"] for group in self._inner_optimizer.param_groups)
        self._progress.step(batches, self.standing.mean_losses())
        tasks = self._plan.recipe.tasks
        raw = {f"loss/{name}": loss for name, loss in losses.items()}
        weighted = {f"weighted_loss/{name}": loss * tasks[name].weight for name, loss in losses.items()}
        self._accelerator.log({**raw, **weighted, "learning_rate": rate}, step=self.standing.step)

    def _evaluate(self) -> None:
        standing, dev = self.standing, self._plan.dev
        metrics = evaluate(self.predictor(), dev) if dev is not None else None
        score = None if metrics is None else overall(self._plan.recipe.tasks, metrics)
        best = standing.note_score(score)
        record = {"epoch": standing.epoch, "step": standing.step, "losses": standing.mean_losses(), "score": score}
        if metrics is not None:
            record["dev"] = {name: of["primary"] for name, of in metrics["tasks"].items() if of["rows"]}
            record["all_right"] = metrics["all_right"]
            self._accelerator.log({f"dev/{name}": value for name, value in record["dev"].items()}, step=standing.step)
        standing.history.append(record)
        if best and self._accelerator.is_main_process:
            self._store.save_best(Checkpoint(standing.step, model_tensors(self._model), {}))
        self._progress.evaluated(record, metrics, best=best)

    def predictor(self) -> Predictor:
        """Answer with the weights as they are now."""
        tasks = self._model.trained_tasks()
        return Predictor(tasks=tasks, tokenizer=self._model.tokenizer, engine=TorchEngine(self._model))

    def _save_if_due(self) -> None:
        every = self._plan.recipe.training.checkpoint_steps
        if every and self.standing.step % every == 0:
            self._save()

    def _save(self) -> None:
        if self._accelerator.is_main_process:
            optimizer = optimizer_tensors(self._model, self._inner_optimizer)
            tensors = {**model_tensors(self._model), **optimizer, **self._average.tensors()}
            self.standing.balancing = self._gradients.balancer.state()
            meta = {**self.standing.to_json(), "fingerprint": dict(self._plan.fingerprint)}
            self._store.save(Checkpoint(self.standing.step, tensors, meta))
            self._store.forget_unneeded_best()
        self._accelerator.wait_for_everyone()
