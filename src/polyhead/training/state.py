"""The tensors of a run by name, out of the model and the optimiser and back."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from polyhead.errors import FolderError

MODEL, OPTIMIZER = "model.", "optimizer."


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Name every weight and buffer of the model."""
    return {MODEL + name: tensor for name, tensor in model.state_dict().items()}


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Name the optimiser's tensors by parameter; a head that has seen no label yet has none."""
    return {
        f"{OPTIMIZER}{key}.{name}": tensor
        for name, parameter in model.named_parameters()
        for key, tensor in optimizer.state.get(parameter, {}).items()
    }


def restore_model(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put weights back.

    Raises:
        FolderError: the names or shapes are not those of the model.
    """
    weights = {name.removeprefix(MODEL): tensor for name, tensor in tensors.items() if name.startswith(MODEL)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        message = f"the checkpoint must hold the weights of this recipe's model. Found: {error}"
        raise FolderError(message) from error


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the optimiser's state back, on each parameter's device; step counts stay where AdamW keeps them."""
    for name, parameter in model.named_parameters():
        keys = ("step", "exp_avg", "exp_avg_sq")
        found = {key: tensors[f"{OPTIMIZER}{key}.{name}"] for key in keys if f"{OPTIMIZER}{key}.{name}" in tensors}
        if found:
            optimizer.state[parameter] = {key: tensor.to(parameter.device) for key, tensor in found.items()}
