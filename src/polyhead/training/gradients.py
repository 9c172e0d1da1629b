"""The gradient of an optimiser step, whatever balances the tasks."""

from collections.abc import Mapping, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from polyhead.balancing.base import GradientBalancer, LossBalancer, Step
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.outputs import Outputs
from polyhead.recipe import Recipe
from polyhead.sharing._soft import layers_of
from polyhead.training.joining import joined
from polyhead.training.passes import Passes, add
from polyhead.training.steps import Labelled
from polyhead.training.vectors import Losses, flat_gradient, gradient_rows, parted_weights


class Gradients:
    """Computes the gradients of a model's weights for one step after another.

    A step is made of parts, the batches that are accumulated. Each task's loss is its mean over the observed labels of
    the whole step, on all processes; a task without labels in the step takes no part.

    Args:
        model: the model itself.
        wrapped: the model as the accelerator runs it.
        recipe: tasks, balancing and seed.
        accelerator: devices and processes.
    """

    def __init__(self, model: MultiTaskModel, wrapped: nn.Module, *, recipe: Recipe, accelerator: Accelerator) -> None:
        self._model, self._accelerator = model, accelerator
        self._weights = {name: task.weight for name, task in recipe.tasks.items() if task.weight}
        self._passes = Passes(model, wrapped, recipe=recipe, accelerator=accelerator)
        self._processes = self._passes.processes
        self._step = Step(losses={})
        self.coefficients: Mapping[str, float] = self._weights
        """How much the gradient of each task counted in the last step, where losses are weighed; else its `weight`."""

        self.balancer = recipe.balancing.begin(self._weights, seed=recipe.training.seed)

    def compute(self, parts: Sequence[Labelled], *, step: int) -> dict[str, float]:
        """Put the gradients of a step into the weights.

        Args:
            parts: the batches of the step.
            step: its number, counted from 0.

        Returns:
            The loss of each task that the step has labels for.
        """
        self._passes.prepare()
        counts = self._passes.counts(parts)
        match self.balancer:
            case LossBalancer() as balancer:
                return self._weighed(balancer, parts, counts, step=step)
            case GradientBalancer(at="representation") as balancer:
                return self._joined_at_states(balancer, parts, counts, step=step)
            case balancer:
                return self._joined_at_weights(balancer, parts, counts, step=step)

    def learn(self, parts: Sequence[Labelled], *, step: int) -> None:
        """Let the balancer learn from the step that was taken, once the weights have moved."""
        if not isinstance(self.balancer, LossBalancer) or not self._step.losses:
            return
        seen = self._step
        if "later" in self.balancer.learns_from:
            later = self._passes.losses(parts, self._passes.counts(parts), step=step)
            seen = Step(losses=seen.losses, norms=seen.norms, later=later)
        self.balancer.learn(seen)

    def _weighed(
        self,
        balancer: LossBalancer,
        parts: Sequence[Labelled],
        counts: Mapping[str, float],
        *,
        step: int,
    ) -> dict[str, float]:
        """Go back once from the weighted sum. Weights that depend on the losses need those of all parts first."""
        coefficients: dict[str, float] = {}
        if not balancer.sees_losses:
            coefficients = balancer.coefficients(dict.fromkeys(counts, 0.0), number=step)
        elif len(parts) > 1:
            known = self._passes.losses(parts, counts, step=step)
            coefficients = balancer.coefficients(known, number=step)
        found: dict[str, float] = {}
        in_last_layer: dict[str, Tensor] = {}
        for number, labelled in enumerate(parts):
            outputs, losses = self._passes.forward(labelled, counts, step=step, part=number)
            add(found, losses)
            if balancer.sees_losses and len(parts) == 1:
                known = self._processes.mean_of(found, tuple(counts))
                coefficients = balancer.coefficients(known, number=step)
            if "norms" in balancer.learns_from:
                self._add_last_layer(in_last_layer, losses)
            self._go_back(outputs, losses, coefficients, first=number == 0)
        self.coefficients = coefficients
        return self._noted(found, counts, in_last_layer)

    def _joined_at_states(
        self, balancer: GradientBalancer, parts: Sequence[Labelled], counts: Mapping[str, float], *, step: int
    ) -> dict[str, float]:
        """Join the gradients of the token states, and go back through the encoder once.

        With several parts each is run twice: a method must see all gradients before any goes back.
        """
        names = tuple(counts)
        found: dict[str, float] = {}
        pieces: list[Tensor] = []
        if len(parts) > 1:
            rows: list[Tensor] = []
            for number, labelled in enumerate(parts):
                outputs, losses = self._passes.forward(labelled, counts, step=step, part=number, watched=False)
                rows.append(self._rows(losses, names, [outputs.shared]))
            pieces = self._join(balancer, names, rows, step=step)
        for number, labelled in enumerate(parts):
            outputs, losses = self._passes.forward(labelled, counts, step=step, part=number)
            add(found, losses)
            if len(parts) == 1:
                rows = [self._rows(losses, names, [outputs.shared])]
                pieces = self._join(balancer, names, rows, step=step)
            if outputs.shared.requires_grad:
                piece = pieces[number].view_as(outputs.shared).to(outputs.shared.dtype)
                # What comes back to the states is put aside for the joined gradient; heads keep their own.
                outputs.shared.register_hook(lambda _, piece=piece: piece)
            self._go_back(outputs, losses, self._weights, first=number == 0)
        return self._noted(found, counts, {})

    def _joined_at_weights(
        self,
        balancer: GradientBalancer,
        parts: Sequence[Labelled],
        counts: Mapping[str, float],
        *,
        step: int,
    ) -> dict[str, float]:
        """Join the gradients of the shared weights, with a pass back for each task."""
        names = tuple(counts)
        shared, private = parted_weights(self._model)
        found: dict[str, float] = {}
        rows: Tensor | None = None
        for number, labelled in enumerate(parts):
            _, losses = self._passes.forward(labelled, counts, step=step, part=number, watched=False)
            add(found, losses)
            rows = self._rows(losses, names, shared, rows)
            if losses and private:
                sum(self._weights[name] * loss for name, loss in losses.items()).backward(inputs=private)  # type: ignore[union-attr]
        self._average(private)
        if shared and rows is not None:
            rows = self._processes.mean(rows)
            self._passes.seed_joining(step, len(parts))
            (vector,) = joined(balancer, names, [rows], processes=self._processes.alone())
            for weight, piece in zip(shared, vector.split([weight.numel() for weight in shared]), strict=True):
                weight.grad = piece.view_as(weight).to(weight.dtype)
        return self._noted(found, counts, {})

    def _join(
        self, balancer: GradientBalancer, names: tuple[str, ...], rows: Sequence[Tensor], *, step: int
    ) -> list[Tensor]:
        self._passes.seed_joining(step, len(rows))
        return joined(balancer, names, rows, processes=self._processes)

    def _go_back(self, outputs: Outputs, losses: Losses, coefficients: Mapping[str, float], *, first: bool) -> None:
        # A part without labels still takes part, with nothing, where several processes wait for each other; on an
        # encoder that stands still, heads alone go back.
        total = outputs.shared.sum() * 0.0
        for logits in () if losses else outputs.logits.values():
            total = total + logits.sum() * 0.0
        if losses:
            terms = [coefficients[name] * loss for name, loss in losses.items()]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
        penalty = self._model.branches.penalty(self._model.encoder) if first else None
        if penalty is not None:
            total = total + penalty
        if total.requires_grad:
            self._accelerator.backward(total)

    def _rows(self, losses: Losses, names: Sequence[str], at: Sequence[Tensor], sums: Tensor | None = None) -> Tensor:
        weighted = {name: self._weights[name] * loss for name, loss in losses.items()}
        return gradient_rows(weighted, names, at=at, sums=sums)

    def _add_last_layer(self, sums: dict[str, Tensor], losses: Losses) -> None:
        weights = [weight for weight in layers_of(self._model.encoder)[-1].parameters() if weight.requires_grad]
        for name, loss in losses.items():
            if weights:
                sums[name] = sums.get(name, torch.zeros(())) + flat_gradient(loss, weights)

    def _average(self, weights: Sequence[nn.Parameter]) -> None:
        """Average gradients over the processes, which the wrapped model does by itself when it goes back."""
        if self._processes.count == 1:
            return
        there = torch.tensor([float(weight.grad is not None) for weight in weights], device=self._accelerator.device)
        for weight, found in zip(weights, self._processes.mean(there).tolist(), strict=True):
            if found:
                weight.grad = self._processes.mean(torch.zeros_like(weight) if weight.grad is None else weight.grad)

    def _noted(
        self, found: Mapping[str, float], counts: Mapping[str, float], in_last_layer: Mapping[str, Tensor]
    ) -> dict[str, float]:
        losses = self._processes.mean_of(found, tuple(counts))
        norms = {}
        if in_last_layer:
            size = next(iter(in_last_layer.values()))
            norms = {
                name: float(self._processes.mean(in_last_layer.get(name, torch.zeros_like(size))).norm())
                for name in counts
            }
        self._step = Step(losses=losses, norms=norms)
        return losses
