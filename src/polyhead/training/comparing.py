"""How the gradients of the tasks agree, at the cheapest place where they meet."""

from collections.abc import Sequence

from accelerate import Accelerator
from torch import Tensor

from polyhead.balancing.base import At
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import Recipe
from polyhead.training.joining import gramian_of
from polyhead.training.passes import Passes
from polyhead.training.steps import Labelled
from polyhead.training.vectors import gradient_rows, parted_weights


class Comparison:
    """Compares the gradients that the tasks have in a step; those of the weights stay as they are.

    Args:
        model: the model.
        recipe: tasks and seed.
        accelerator: devices and processes.
        place: where the gradients of the tasks meet, if they do.
    """

    def __init__(self, model: MultiTaskModel, *, recipe: Recipe, accelerator: Accelerator, place: At | None) -> None:
        self._model, self._place = model, place
        self._passes = Passes(model, model, recipe=recipe, accelerator=accelerator)
        self._weights = {name: task.weight for name, task in recipe.tasks.items()}

    def inner_products(self, parts: Sequence[Labelled], *, step: int) -> tuple[tuple[str, ...], Tensor] | None:
        """Multiply the gradients of each two tasks.

        Args:
            parts: the batches of a step.
            step: its number, counted from 0.

        Returns:
            Names of the tasks, and the inner products of their gradients, shape `(tasks, tasks)`; nothing where tasks
            have nothing in common: in passes of their own, or one task a step.
        """
        shared, _ = parted_weights(self._model)
        if self._place is None or not self._model.branches.one_pass or not shared:
            return None
        self._passes.prepare()
        counts, processes = self._passes.counts(parts), self._passes.processes
        names = tuple(counts)
        at_states: list[Tensor] = []
        at_weights: Tensor | None = None
        for number, labelled in enumerate(parts):
            outputs, losses = self._passes.forward(labelled, counts, step=step, part=number, watched=False)
            weighted = {name: self._weights[name] * loss for name, loss in losses.items()}
            if self._place == "representation":
                at_states.append(gradient_rows(weighted, names, at=[outputs.shared]))
            else:
                at_weights = gradient_rows(weighted, names, at=shared, sums=at_weights)
        if at_weights is None:
            return names, gramian_of(at_states, processes=processes)
        return names, gramian_of([processes.mean(at_weights)], processes=processes.alone())
