"""The encoder with the head that guesses hidden tokens."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from batches import ROW, MaskedBatch
from torch import Tensor, nn
from transformers import AutoModel, DebertaV2Config, PreTrainedModel

from polyhead.errors import UsageError
from polyhead.model.compact import HEAD_WIDTH, LAYERS, PADDING, SPECIAL, WIDTH, configure, spell
from polyhead.model.packed.families import family_of

LARGEST = 25_000_000
"""Bytes of weights in half precision that a package may ship with."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How large the encoder is.

    Args:
        width: width of the states, a multiple of 64.
        layers: number of layers.
        vocabulary: the most tokens.
        dropout: dropout of states, while pretraining and in what is saved. A text is met many times, each time with
            other masks, so it needs less of it than a few labelled rows do.
    """

    width: int = WIDTH
    layers: int = LAYERS
    vocabulary: int = 12_000
    dropout: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a shape that cannot be.

        Raises:
            UsageError: a number is out of range, or the weights would be too large to ship.
        """
        if self.width < HEAD_WIDTH or self.width % HEAD_WIDTH or self.layers < 1:
            rule = f"--width must be a multiple of {HEAD_WIDTH}, and --layers at least 1"
            message = f"{rule}. Found {self.width} and {self.layers}."
            raise UsageError(message)
        if not len(SPECIAL) < self.vocabulary <= 2**16:
            message = f"--vocabulary must be above {len(SPECIAL)} and at most {2**16}. Found {self.vocabulary}."
            raise UsageError(message)
        if self.bytes > LARGEST:
            rule = f"weights must be at most {LARGEST / 1e6:.0f} MB in half precision"
            message = f"{rule}. Found {self.bytes / 1e6:.1f} MB. Lower --width, --layers or --vocabulary."
            raise UsageError(message)

    @property
    def bytes(self) -> int:
        """Count the bytes of the weights that are saved, in half precision."""
        configuration = self.configuration({PADDING: 0})
        configuration.vocab_size = self.vocabulary
        with torch.device("meta"):
            return 2 * AutoModel.from_config(configuration).num_parameters()

    def configuration(self, vocabulary: Mapping[str, int]) -> DebertaV2Config:
        """Describe the encoder to transformers."""
        configuration = configure(vocabulary, width=self.width, layers=self.layers)
        configuration.hidden_dropout_prob = self.dropout
        # Distances that no row has would keep their random vectors; so all longer ones share the last that is learned.
        configuration.max_relative_positions = ROW
        return configuration


class Table(nn.Module):
    """Stands where the encoder looks tokens up; its rows are computed once a step, for the input and the guesses."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: Tensor | None = None

    def forward(self, ids: Tensor) -> Tensor:
        """Look up ids; their shape and `(width,)`."""
        if self.rows is None:
            message = "the rows must be set before they are looked up"
            raise RuntimeError(message)
        return nn.functional.embedding(ids, self.rows)


@dataclass(frozen=True, slots=True)
class Guesses:
    """How well hidden tokens were guessed.

    Args:
        loss: mean cross-entropy in nats, a scalar.
        right: share that was guessed right, a scalar.
    """

    loss: Tensor
    right: Tensor


class Network(nn.Module):
    """Guesses hidden tokens: logits = table · norm(gelu(W h + b)) + bias, over all but the special tokens.

    Args:
        shape: its size.
        vocabulary: the tokens with their ids, special ones first.
    """

    def __init__(self, shape: Shape, vocabulary: Mapping[str, int]) -> None:
        super().__init__()
        self.encoder: PreTrainedModel = AutoModel.from_config(shape.configuration(vocabulary))
        # Which tokens are hidden is settled with the batch.
        self.words = spell(vocabulary, width=shape.width, dropped=0.0)
        self._table = Table()
        self.encoder.set_input_embeddings(self._table)
        self.transform = nn.Sequential(nn.Linear(shape.width, shape.width), nn.GELU(), nn.LayerNorm(shape.width))
        self.bias = nn.Parameter(torch.zeros(len(vocabulary) - len(SPECIAL)))

    def forward(self, batch: MaskedBatch) -> Guesses:
        """Guess the hidden tokens of a batch."""
        table = self.words.all_rows()
        states = self.token_states(batch, table)
        read = self.transform(states.index_select(0, batch.places))
        logits = nn.functional.linear(read, table[len(SPECIAL) :], self.bias)
        loss = nn.functional.cross_entropy(logits, batch.targets)
        return Guesses(loss, (logits.detach().argmax(dim=1) == batch.targets).float().mean())

    def token_states(self, batch: MaskedBatch, table: Tensor) -> Tensor:
        """Compute the states of the packed tokens, shape `(tokens, width)`.

        `polyhead.model.packed.states.encode` does the same, but asks the device where the tokens are, and a device
        that is asked is waited for.
        """
        family = family_of(self.encoder)
        if family is None:
            message = "the encoder must be of a family that runs without padding"
            raise RuntimeError(message)
        self._table.rows = table
        return family.token_states(self.encoder, batch.ids, batch.packing)


def build(shape: Shape, vocabulary: Mapping[str, int], *, seed: int) -> Network:
    """Make an untrained network; the same seed gives the same."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Network(shape, vocabulary)
