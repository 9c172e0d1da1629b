"""What the recipe leaves open: settings that depend on the encoder and on how much there is to learn from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from polyhead.model.compact import COMPACT
from polyhead.recipe import EncoderSettings, TrainingSettings

WIDE = 1024
"""Width from which an encoder counts as large; large ones break at rates that small ones need."""

STILL_RATE = 2.56
"""Highest rate of heads on an encoder that stands still, times its width: each number read moves the logits as far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The training settings with nothing left open.

    Args:
        epochs: passes over the drawn rows; when `max_steps` is given, an upper limit that is never reached.
        max_steps: optimiser steps after which training ends, if the recipe limits steps.
        batch_tokens: padded tokens of a batch.
        learning_rate: the highest rate of the encoder.
        head_learning_rate: the highest rate of all that is new.
        weight_decay: decay of matrices.
        betas: how long AdamW remembers gradients and their squares.
        warmup: share of the training in which the rate rises.
        clip: the longest gradient that is not shortened.
        swap_entities: probability that a mention is replaced by another name of its label.
        ema_decay: decay of the running average of the weights; 0 is none.
        layer_decay: factor of the learning rate from each layer of the encoder to the one below it.
        freeze: what of the encoder stays as it is.
    """

    epochs: int
    max_steps: int | None
    batch_tokens: int
    learning_rate: float
    head_learning_rate: float
    weight_decay: float
    betas: tuple[float, float]
    warmup: float
    clip: float
    swap_entities: float
    ema_decay: float
    layer_decay: float
    freeze: str | int


def resolve(
    training: TrainingSettings,
    encoder: EncoderSettings,
    *,
    tokens: Sequence[int],
    width: int,
    few: bool = False,
    added: bool = False,
) -> Settings:
    """Fill in what the recipe leaves open.

    Args:
        training: the recipe's settings.
        encoder: what is trained; `compact` begins with random weights, so it learns faster and needs more passes.
        tokens: for each task, tokens of one pass over the training rows that are labelled for it.
        width: width of the encoder's states.
        few: whether there are too few rows to fine-tune on.
        added: whether the tasks are added to a model, whose encoder stands still.
    """
    compact = encoder.name == COMPACT
    freeze = training.freeze if training.freeze is not None else "all" if few else "none"
    still = added or freeze == "all"
    batch_tokens = training.batch_tokens or (1024 if compact or still else 4096)
    rate = training.learning_rate or (1e-3 if compact else 2e-5 if width >= WIDE else 5e-5)
    head_rate = training.head_learning_rate or (STILL_RATE / width if still else rate if compact else 1e-3)
    swap = training.swap_entities if training.swap_entities is not None else (0.3 if compact else 0.0)
    epochs = (
        training.epochs
        or training.max_steps
        or _epochs([math.ceil(of / batch_tokens) for of in tokens], anew=compact or still)
    )
    return Settings(
        epochs=epochs,
        max_steps=training.max_steps,
        batch_tokens=batch_tokens,
        learning_rate=rate,
        head_learning_rate=head_rate,
        weight_decay=training.weight_decay,
        betas=(0.9, 0.98) if compact else (0.9, 0.999),
        warmup=training.warmup,
        clip=training.clip,
        swap_entities=swap,
        ema_decay=training.ema_decay if training.ema_decay is not None else (0.995 if compact else 0.0),
        layer_decay=training.layer_decay,
        freeze=freeze,
    )


def _epochs(batches: Sequence[int], *, anew: bool) -> int:
    """Choose so many passes that all tasks together have the steps that each would have alone.

    Args:
        batches: of one pass, for each task.
        anew: whether all that learns begins with nothing.
    """
    counts = [max(1, count) for count in batches]
    steps = sum(count * _passes(count, anew=anew) for count in counts)
    return round(steps / sum(counts))


def _passes(batches: int, *, anew: bool) -> int:
    """Choose fewer passes where a pass has more steps: small data need more of them, but not in proportion."""
    most, least, at_one_step, power = (40, 3, 320.0, 0.62) if anew else (10, 3, 20.0, 0.35)
    return max(least, min(most, round(at_one_step * batches**-power)))
