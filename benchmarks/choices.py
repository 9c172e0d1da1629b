"""The choices that `compact` is made of, each of which can be undone alone."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from transformers import DebertaV2Config

from polyhead.data import made_up, swaps
from polyhead.model import compact, spelling

DEFAULTS = "the defaults"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What differs from the defaults.

    Args:
        training: settings of the recipe.
        kinds: by kind of task, settings of every task of that kind.
        network: settings of the encoder's network.
        constants: by module, the constants that it has instead.
    """

    training: Mapping[str, Any] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[Any, Mapping[str, Any]] = field(default_factory=dict)

    def write(self, document: dict[str, Any]) -> None:
        """Change a recipe in place."""
        document["training"] |= self.training
        for task in document["tasks"].values():
            task.update(self.kinds.get(task["kind"], {}))

    @contextmanager
    def made(self) -> Generator[None]:
        """Let `compact` be made this way for a while."""
        configure = compact.configure

        def otherwise(vocabulary: Mapping[str, int]) -> DebertaV2Config:
            return DebertaV2Config.from_dict(configure(vocabulary).to_dict() | dict(self.network))

        with ExitStack() as patches:
            if self.network:
                patches.enter_context(patch.object(compact, "configure", otherwise))
            for module, values in self.constants.items():
                patches.enter_context(patch.multiple(module, **values))
            yield


CHOICES: Mapping[str, Choice] = {
    DEFAULTS: Choice(),
    "a rate of 0.0015": Choice(training={"learning_rate": 0.0015}),
    "no swapped entities": Choice(training={"swap_entities": 0.0}),
    "new names of known words alone": Choice(constants={swaps: {"MADE_UP": 0.0}}),
    "half of the new names made up": Choice(constants={swaps: {"MADE_UP": 0.5}}),
    "letters by the one before": Choice(constants={made_up: {"ORDER": 1}}),
    "letters by the two before": Choice(constants={made_up: {"ORDER": 2}}),
    "no hidden tokens": Choice(constants={compact: {"DROPPED_TOKENS": 0.0}}),
    "no average of the weights": Choice(training={"ema_decay": 0.0}),
    "no n-grams beside the network": Choice(training={"ngrams": False}),
    "no spelling": Choice(constants={spelling: {"_features": lambda _token: iter(())}}),  # pyright: ignore[reportUnknownLambdaType]
    "no convolution": Choice(network={"conv_kernel_size": 0}),
    "two layers": Choice(network={"num_hidden_layers": 2}),
    "a tenth of the states dropped instead of three": Choice(network={"hidden_dropout_prob": 0.1}),
    "entities weighted 1": Choice(kinds={"entities": {"weight": 1.0}}),
    "each word by itself": Choice(kinds={"entities": {"decoder": "viterbi"}}),
    "`mlp` heads": Choice(kinds={kind: {"head": "mlp"} for kind in ("classification", "entities")}),
}
"""By name, what is measured beside the defaults."""
