"""The engine that answers with torch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.predictor import EngineOutputs
from polyhead.spans import Floats
from polyhead.text.tokens import TokenBatch


class TorchEngine:
    """Runs a `MultiTaskModel` without dropout and without gradients.

    Args:
        model: the model, on any device; its weights are used as they are when a batch comes.
    """

    def __init__(self, model: MultiTaskModel) -> None:
        self._model = model

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        """Compute the logits of the named tasks, and the embedding where one of them reads it or none is named."""
        training = self._model.training
        # To go through all modules takes milliseconds, so it is left where none can be in training.
        if any(part.training for part in (self._model, *self._model.children())):
            self._model.eval()
        try:
            with torch.inference_mode():
                outputs = self._model(self._model.tensors(batch), tasks)
        finally:
            if training:
                self._model.train()
        return EngineOutputs({name: _array(logits) for name, logits in outputs.items()}, _array(outputs.embedding))


def _array(tensor: Tensor) -> Floats:
    return tensor.float().cpu().numpy()
