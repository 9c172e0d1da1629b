"""The engine that answers with torch."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.predictor import EngineOutputs
from polyhead.spans import Floats
from polyhead.text.tokens import TokenBatch

if TYPE_CHECKING:
    # Answering with torch needs no recipe, and so none of what checks one.
    from polyhead.recipe import Precision


class TorchEngine:
    """Runs a `MultiTaskModel` without dropout and without gradients.

    Args:
        model: the model, on any device; its weights are used as they are when a batch comes.
        precision: `bfloat16` computes in it what loses nothing by it; `float32` computes in the weights' own.
    """

    def __init__(self, model: MultiTaskModel, *, precision: "Precision" = "float32") -> None:
        self._model = model
        self._precision: Precision = precision

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        """Compute the logits of the named tasks, and the embedding where one of them reads it or none is named."""
        training = self._model.training
        # To go through all modules takes milliseconds, so it is left where none can be in training.
        if any(part.training for part in (self._model, *self._model.children())):
            self._model.eval()
        try:
            with torch.inference_mode(), autocast(self._precision, self._model.encoder.device):
                outputs = self._model(self._model.tensors(batch), tasks)
        finally:
            if training:
                self._model.train()
        return EngineOutputs({name: _array(logits) for name, logits in outputs.items()}, _array(outputs.embedding))


def autocast(precision: "Precision", device: torch.device) -> AbstractContextManager[object]:
    """Let what is computed meanwhile on a device be mixed with bfloat16, or not."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def _array(tensor: Tensor) -> Floats:
    return tensor.float().cpu().numpy()
