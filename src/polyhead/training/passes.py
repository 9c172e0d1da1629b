"""From labelled batches to the loss of each task."""

from collections.abc import Mapping, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from polyhead.model.engine import autocast
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.outputs import Outputs
from polyhead.model.stitching import logits_of
from polyhead.recipe import Precision, Recipe
from polyhead.tasks.base import HeadTask
from polyhead.training.joining import Processes
from polyhead.training.steps import Labelled, step_seed


class Passes:
    """Runs a model over the parts of a step.

    Args:
        model: the model itself.
        wrapped: the model as the accelerator runs it.
        recipe: tasks, precision and seed.
        accelerator: devices and processes.
    """

    def __init__(self, model: MultiTaskModel, wrapped: nn.Module, *, recipe: Recipe, accelerator: Accelerator) -> None:
        self._model, self._wrapped, self._accelerator = model, wrapped, accelerator
        self._tasks, self._seed = recipe.tasks, recipe.training.seed
        self._precision: Precision = recipe.training.precision
        self._encoder_learns = any(weight.requires_grad for weight in model.encoder.parameters())
        headed = [name for name, task in recipe.tasks.items() if isinstance(task, HeadTask)]
        self._idle = () if self._encoder_learns else tuple(headed[:1])
        """What is asked about a part without labels: something that learns, for processes that wait for each other."""
        self.processes = Processes(accelerator)

    def prepare(self) -> None:
        """Bring the model into training; an encoder that does not learn works as it will in use."""
        modules = (self._wrapped, self._model, self._model.encoder)
        # To go through all modules at each step costs as much as a step of heads over states that are remembered.
        if [module.training for module in modules] != [True, True, self._encoder_learns]:
            self._wrapped.train()
            self._model.encoder.train(self._encoder_learns)

    def counts(self, parts: Sequence[Labelled]) -> dict[str, float]:
        """Count each task's labels in the whole step; gradients are averaged over processes, so theirs count too."""
        names = list(self._tasks)
        own = torch.tensor(
            [sum(part.targets[name].count for part in parts if name in part.targets) for name in names],
            dtype=torch.float64,
        )
        found = self.processes.mean(own.to(self._accelerator.device)) if self.processes.count > 1 else own
        return {name: count for name, count in zip(names, found.tolist(), strict=True) if count}

    def forward(
        self, labelled: Labelled, counts: Mapping[str, float], *, step: int, part: int, watched: bool = True
    ) -> tuple[Outputs, dict[str, Tensor]]:
        """Run one part: the losses of its tasks are the sums over its labels divided by the labels of the whole step.

        Args:
            labelled: the part.
            counts: what `counts` found.
            step: number of the step; with `part` it fixes what is random, so that a part can be run again.
            part: number of the part.
            watched: whether a pass back will follow that fills the gradients of the weights.
        """
        self._sow(step_seed(self._seed, step, part))
        module = self._wrapped if watched else self._model
        with autocast(self._precision, self._accelerator.device):
            outputs: Outputs = module(self._model.tensors(labelled.batch), tuple(labelled.targets) or self._idle)
        losses: dict[str, Tensor] = {}
        for name, targets in labelled.targets.items():
            logits = logits_of(outputs, name, self._tasks[name], labelled.joining)[targets.begin : targets.end]
            if self._tasks[name].level == "words":
                logits = logits[:, : targets.tokens]
            task = self._tasks[name].with_parameters(outputs.parameters.get(name, {}))
            on_device = torch.from_numpy(targets.values).to(self._accelerator.device)
            losses[name] = task.loss(logits, on_device) / counts[name]
        return outputs, losses

    def losses(self, parts: Sequence[Labelled], counts: Mapping[str, float], *, step: int) -> dict[str, float]:
        """Find the losses of a step without gradients; what is random in it is as it is with them."""
        found: dict[str, float] = {}
        with torch.no_grad():
            for number, labelled in enumerate(parts):
                add(found, self.forward(labelled, counts, step=step, part=number, watched=False)[1])
        return self.processes.mean_of(found, tuple(counts))

    def seed_joining(self, step: int, parts: int) -> None:
        """Fix what is random in joining gradients, alike on every process."""
        self._sow(step_seed(self._seed, step, parts))

    def _sow(self, seed: int) -> None:
        if self._accelerator.device.type == "cpu":
            # The other one leaves word for devices that are absent, too, which takes milliseconds a step.
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)


def add(sums: dict[str, float], losses: Mapping[str, Tensor]) -> None:
    """Add the losses of a part to those of the parts before it."""
    for name, loss in losses.items():
        sums[name] = sums.get(name, 0.0) + float(loss.detach())
