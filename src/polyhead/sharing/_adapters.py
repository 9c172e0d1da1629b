"""Low-rank adapters of peft in one encoder, of which a pass uses one."""

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from torch import nn

from polyhead.errors import MissingExtraError
from polyhead.sharing._branches import TURN, Batch, Branches, Encode

if TYPE_CHECKING:
    from polyhead.model.packed.states import TokenStates

MARK = "lora_"
"""What peft puts into the names of an adapter's weights."""


class AdapterBranches(Branches):
    """Runs the encoder once for each group, with the group's adapter.

    Args:
        encoder: gets the adapters, in place.
        groups: the tasks of each.
        rank: inner width of the adapters.
        alpha: their scale, divided by the rank.
        dropout: of their inputs.
    """

    def __init__(
        self, encoder: nn.Module, groups: Sequence[tuple[str, ...]], *, rank: int, alpha: int, dropout: float
    ) -> None:
        super().__init__()
        self._adapter = {task: _adapter_name(number) for number, of in enumerate(groups) for task in of}
        try:
            from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  an extra
        except ImportError as error:
            what, package = "sharing kind 'lora'", "peft"
            raise MissingExtraError(what, package, "lora") from error
        settings = LoraConfig(
            r=rank,
            lora_alpha=alpha,
            lora_dropout=dropout,
            target_modules=_linear_layers(encoder),  # pyright: ignore[reportArgumentType]  any number
        )
        trained = {name: parameter.requires_grad for name, parameter in encoder.named_parameters()}
        with warnings.catch_warnings():
            # Several adapters are what is wanted.
            warnings.filterwarnings("ignore", message="Already found a `peft_config` attribute")
            for number in range(len(groups)):
                inject_adapter_in_model(settings, encoder, adapter_name=_adapter_name(number))
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(trained.get(plain_name(name), True))
        encoder.eval()

    def states(
        self, encoder: nn.Module, batch: Batch, tasks: Sequence[str], *, encode: Encode
    ) -> "dict[str, TokenStates]":
        found: dict[str, TokenStates] = {}
        for adapter in dict.fromkeys(self._adapter[task] for task in tasks):
            with TURN:
                _switch(encoder, adapter)
                states = encode(encoder, batch)
            found |= {task: states for task in tasks if self._adapter[task] == adapter}
        return found

    def plain(self, encoder: nn.Module, batch: Batch, *, encode: Encode) -> "TokenStates":
        with TURN:
            _switch(encoder, None)
            return encode(encoder, batch)

    def private_parameters(self, encoder: nn.Module) -> Iterable[nn.Parameter]:
        return (parameter for name, parameter in encoder.named_parameters() if MARK in name)

    def passes(self, tasks: Sequence[str]) -> int:
        return len({self._adapter[task] for task in tasks})


def plain_name(name: str) -> str:
    """Return the name that a weight has in the encoder without adapters."""
    return name.replace(".base_layer.", ".")


def _adapter_name(number: int) -> str:
    # A task may be called like a method of torch's; a number may not.
    return f"group{number}"


def _linear_layers(encoder: nn.Module) -> list[str]:
    from transformers.pytorch_utils import Conv1D  # noqa: PLC0415

    return [name for name, part in encoder.named_modules() if isinstance(part, nn.Linear | Conv1D)]


def _switch(encoder: nn.Module, adapter: str | None) -> None:
    """Use one adapter, or none, in the passes that follow."""
    from peft.tuners.tuners_utils import BaseTunerLayer  # noqa: PLC0415  an extra

    for part in encoder.modules():
        if isinstance(part, BaseTunerLayer):
            flags = {parameter: parameter.requires_grad for parameter in part.parameters()}
            part.enable_adapters(enabled=adapter is not None)
            if adapter is not None:
                part.set_adapter(adapter)
            # peft trains the adapter in use only; here every group's is trained in one step.
            for parameter, flag in flags.items():
                parameter.requires_grad_(flag)
