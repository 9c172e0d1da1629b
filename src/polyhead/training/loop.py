"""The training loop: plain, with every step in sight."""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from accelerate import Accelerator

from polyhead.balancing.base import LossBalancer
from polyhead.data.order import Draw, Epoch, TaskShare, share_scalars
from polyhead.errors import NonFiniteLossError, TrainingError
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.predictor import Predictor
from polyhead.training.averaging import WeightAverage
from polyhead.training.checkpoints import Checkpoint, CheckpointStore
from polyhead.training.comparing import Comparison
from polyhead.training.conflicts import conflict_record, scalars
from polyhead.training.course import course, next_epoch
from polyhead.training.evaluation import evaluate, overall
from polyhead.training.gradients import Gradients
from polyhead.training.interruption import Interruption
from polyhead.training.optimizers import build_optimizer, learning_rate_factor, set_learning_rate
from polyhead.training.plan import Plan
from polyhead.training.progress import Progress
from polyhead.training.standing import Standing
from polyhead.training.state import model_tensors, optimizer_tensors, restore_model, restore_optimizer
from polyhead.training.steps import Labelled

if TYPE_CHECKING:
    from torch import Tensor


class Loop:
    """Runs a plan from wherever it stands to its end.

    Args:
        plan: what to do.
        model: the model; it is trained in place.
        accelerator: devices, processes and trackers.
        store: where checkpoints go.
        progress: who is told.
    """

    def __init__(
        self, plan: Plan, model: MultiTaskModel, *, accelerator: Accelerator, store: CheckpointStore, progress: Progress
    ) -> None:
        self._plan, self._accelerator, self._store, self._progress = plan, accelerator, store, progress
        self._model = model
        self._inner_optimizer = build_optimizer(model, plan.settings)
        self._wrapped, self._optimizer = accelerator.prepare(model, self._inner_optimizer)
        # To find them in a deep encoder takes a while, so it is done once.
        self._weights = list(self._wrapped.parameters())
        self._average = WeightAverage(model, plan.settings.ema_decay)
        self._gradients = Gradients(model, self._wrapped, recipe=plan.recipe, accelerator=accelerator)
        self._comparison = Comparison(model, recipe=plan.recipe, accelerator=accelerator, place=plan.place)
        self.standing = Standing()
        self._shares: Sequence[TaskShare] = ()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint, so that what follows is what would have followed."""
        restore_model(self._model, checkpoint.tensors)
        restore_optimizer(self._model, self._inner_optimizer, checkpoint.tensors)
        self._average.restore(checkpoint.tensors)
        values = {name: value for name, value in checkpoint.meta.items() if name != "fingerprint"}
        self.standing = Standing(step=checkpoint.step, **values)
        self._gradients.balancer.restore(self.standing.balancing)

    def run(self, interruption: Interruption, *, score_first: bool = False) -> None:
        """Train to the end.

        Args:
            interruption: of whoever stops the run.
            score_first: whether the weights as they are before the first step may turn out the best.

        Raises:
            NonFiniteLossError: a task's loss is NaN or infinite; the weights before that step are saved.
        """
        if score_first and self._plan.dev is not None:
            self._evaluate()
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
        return self.standing.step >= (self._plan.settings.max_steps or math.inf)

    def _run_epoch(self, interruption: Interruption) -> None:
        standing, plan = self.standing, self._plan
        if standing.batch == 0:
            standing.loss_sums = {}
            shares = plan.recipe.sampling.shares(plan.order.task_rows(), course(standing, plan.settings))
            standing.order = next_epoch(plan.order, standing, shares).to_json()
        epoch = Epoch.from_json(standing.order or {})
        batches = plan.order.batches(epoch, plan.lengths, budget=plan.settings.batch_tokens)
        self._shares = plan.order.table(epoch)
        self._progress.shares(self._shares, epoch=epoch.number)
        self._accelerator.log(share_scalars(self._shares), step=standing.step)
        self._progress.epoch(standing.epoch, len(batches), done=standing.batch)
        for parts in self._prepared(batches[standing.batch :]):
            # The middle of a step stands for it: the rate is 0 neither in the first one nor in the last.
            self._step(parts, done=(standing.batch + len(parts) / 2) / len(batches))
            standing.batch += len(parts)
            if self._finished_steps():
                break
            if interruption.signal_number is not None:
                self._save()
                interruption.raise_if_requested()
            self._save_if_due()
        if standing.batch < len(batches):
            return
        standing.epoch, standing.batch = standing.epoch + 1, 0
        if isinstance(self._gradients.balancer, LossBalancer):
            self._gradients.balancer.end_epoch(standing.mean_losses())

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
        compared = self._comparison.inner_products(parts, step=step) if compare else None
        losses = self._gradients.compute(parts, step=step)
        norm = self._accelerator.clip_grad_norm_(self._weights, self._plan.settings.clip)
        self._refuse_non_finite(losses, float(cast("Tensor", norm)))
        warmup = self._plan.settings.warmup
        set_learning_rate(self._inner_optimizer, learning_rate_factor(self._share_done(done), warmup=warmup))
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._gradients.learn(parts, step=step)
        self.standing.step += 1
        self._average.update(self.standing.step)
        self.standing.note_losses(losses)
        if compared is not None:
            record = conflict_record(self.standing.step, *compared)
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
        rule = (
            f"step {self.standing.step + 1}: the gradient must be finite. Found norm {norm} at losses {dict(losses)}."
        )
        message = f"{rule} The last good checkpoint is kept. Lower `training.learning_rate`."
        raise TrainingError(message)

    def _share_done(self, done_of_epoch: float) -> float:
        limit = self._plan.settings.max_steps
        if limit is not None:
            return (self.standing.step + 0.5) / limit
        return min(1.0, (self.standing.epoch + done_of_epoch) / self._plan.settings.epochs)

    def _report(self, losses: Mapping[str, float], batches: int) -> None:
        self._progress.step(batches, self.standing.mean_losses())
        rate = max(group["lr"] for group in self._inner_optimizer.param_groups)
        raw = {f"loss/{name}": loss for name, loss in losses.items()}
        counted = self._gradients.coefficients
        weighted = {f"weighted_loss/{name}": loss * counted[name] for name, loss in losses.items()}
        self._accelerator.log({**raw, **weighted, "learning_rate": rate}, step=self.standing.step)

    def _evaluate(self) -> None:
        standing, dev = self.standing, self._plan.dev
        metrics = evaluate(self.predictor(), dev) if dev is not None else None
        score = None if metrics is None else overall(self._plan.recipe.tasks, metrics)
        best = standing.note_score(score)
        record: dict[str, Any] = {"epoch": standing.epoch, "step": standing.step, "score": score}
        record |= {"losses": standing.mean_losses(), "shares": [asdict(share) for share in self._shares]}
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
        model = self._model
        engine = TorchEngine(model, precision=self._plan.recipe.training.precision)
        return Predictor(tasks=model.trained_tasks(), tokenizer=model.tokenizer, engine=engine)

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
