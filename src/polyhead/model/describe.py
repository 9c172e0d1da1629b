"""What a model is made of, in numbers: what the tasks share, what each has alone, what separate models would cost."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import AutoModel, PreTrainedModel

from polyhead.model.compact import COMPACT, build_compact
from polyhead.model.encoder import load_configuration, position_limit, without_pooling_layer
from polyhead.model.forward import count_passes, head_levels
from polyhead.model.heads import build_head
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.ngrams import BagOfNgrams, bag_for, takes_ngrams
from polyhead.model.pooling import build_pooling
from polyhead.model.sources import locate
from polyhead.model.spelling import fold
from polyhead.sharing._adapters import MARK
from polyhead.sharing._branches import Branches
from polyhead.sharing.base import Sharing
from polyhead.tasks.base import HeadTask, LabelledTask, Task

if TYPE_CHECKING:
    from polyhead.recipe import Recipe


@dataclass(frozen=True, slots=True)
class TaskDescription:
    """One task of a model.

    Args:
        name: of the task.
        kind: of the task.
        level: `text` or `words`, what it judges.
        labels: how many there are; none for tasks without labels.
        head: its layers, such as `Dropout(0.1), Linear(768, 9)`, and the n-grams beside them.
        parameters: of its head, n-grams included.
    """

    name: str
    kind: str
    level: str
    labels: int | None
    head: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Description:
    """What a model is made of.

    Args:
        encoder: its class, such as `BertModel`.
        width: width of the token states.
        embedding_width: width of the sentence embedding.
        pooling: how states become the embedding.
        max_tokens: the longest input.
        tasks: the tasks in their order.
        shared: parameters that all tasks use.
        sharing: the kind of sharing.
        passes: encoder passes that a text costs when every task is asked.
        branches: parameters that sharing adds for a part of the tasks: adapters, attention, further encoders.
    """

    encoder: str
    width: int
    embedding_width: int
    pooling: str
    max_tokens: int
    tasks: tuple[TaskDescription, ...]
    shared: int
    sharing: str = "hard"
    passes: int = 1
    branches: int = 0

    @property
    def private(self) -> int:
        """Count the parameters of all heads."""
        return sum(task.parameters for task in self.tasks)

    @property
    def together(self) -> int:
        """Count the parameters of this model."""
        return self.shared + self.branches + self.private

    @property
    def separate(self) -> int:
        """Count the parameters of one model a task, each with an encoder of its own."""
        return self.shared * len(self.tasks) + self.private

    def to_json(self) -> dict[str, Any]:
        """Return the description as plain Python values."""
        counts = {"private": self.private, "together": self.together, "separate": self.separate}
        return {**asdict(self), "tasks": [asdict(task) for task in self.tasks], **counts}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    width: int
    pooling: str
    projection: int | None
    max_tokens: int
    sharing: Sharing
    ngrams: BagOfNgrams | None


def describe_model(model: MultiTaskModel) -> Description:
    """Describe a model that is there."""
    shape = _Shape(
        width=model.width,
        pooling=model.pooling.kind,
        projection=None if model.projection is None else model.projection.out_features,
        max_tokens=model.tokenizer.max_tokens,
        sharing=model.sharing,
        ngrams=model.ngrams,
    )
    return _describe(model.encoder, model.tasks, shape=shape, branches=model.branches)


def describe_recipe(recipe: "Recipe", *, tasks: Mapping[str, Task], texts: Iterable[str] = ()) -> Description:
    """Describe the model that a recipe makes, from the encoder's configuration; no weight is read.

    Args:
        recipe: names the encoder.
        tasks: the recipe's tasks with their labels known.
        texts: training texts; only `compact` reads them, whose size depends on its vocabulary.

    Raises:
        EncoderUnavailableError: the encoder cannot be reached, or it is none.
    """
    settings = recipe.encoder
    if settings.name == COMPACT:
        encoder = build_compact(texts, recipe.training.seed, max_tokens=settings.max_tokens).module
        # What is saved and served has no part that only training needs.
        fold(encoder)
    else:
        encoder = _without_weights(locate(settings.name, start=recipe.folder))
    weighed = settings.name == COMPACT and recipe.training.ngrams and bool(recipe.data.dev)
    names = [name for name, task in tasks.items() if weighed and takes_ngrams(task)]
    with torch.device("meta"):
        branches = recipe.sharing.attach(encoder, head_levels(tasks), width=encoder.config.hidden_size)
        ngrams = bag_for(tasks, names, vocabulary=encoder.config.vocab_size)
    shape = _Shape(
        width=encoder.config.hidden_size,
        pooling=settings.pooling,
        projection=settings.projection,
        max_tokens=min(settings.max_tokens, position_limit(encoder)),
        sharing=recipe.sharing,
        ngrams=ngrams,
    )
    return _describe(encoder, tasks, shape=shape, branches=branches)


def _without_weights(folder: Path) -> PreTrainedModel:
    configuration = load_configuration(folder)
    with torch.device("meta"):
        return AutoModel.from_config(configuration, trust_remote_code=False, **without_pooling_layer(configuration))


def _describe(encoder: PreTrainedModel, tasks: Mapping[str, Task], *, shape: _Shape, branches: Branches) -> Description:
    width, projection = shape.width, shape.projection
    embedding_width = projection or width
    widths = {"text": embedding_width if shape.sharing.pools else width, "words": width}
    with torch.device("meta"):
        beside = [build_pooling(shape.pooling, width), *([nn.Linear(width, projection)] if projection else [])]
        described = tuple(
            _describe_task(name, task, widths[task.level], ngrams=shape.ngrams) for name, task in tasks.items()
        )
    plain = sum(weight.numel() for name, weight in encoder.named_parameters() if MARK not in name)
    return Description(
        encoder=type(encoder).__name__,
        width=width,
        embedding_width=embedding_width,
        pooling=shape.pooling,
        max_tokens=shape.max_tokens,
        tasks=described,
        shared=plain + sum(_count(part) for part in beside),
        sharing=shape.sharing.kind,
        passes=count_passes(branches, tasks),
        branches=_count(branches) + _count(encoder) - plain,
    )


def _describe_task(name: str, task: Task, width: int, *, ngrams: BagOfNgrams | None) -> TaskDescription:
    head = build_head(task, width) if isinstance(task, HeadTask) else nn.Sequential()
    labels = len(task.known_labels) if isinstance(task, LabelledTask) else None
    layers = ", ".join(map(_layer, head))
    if ngrams is None or name not in ngrams.outputs:
        return TaskDescription(name, task.kind, task.level, labels, layers, _count(head))
    parameters = _count(head) + ngrams.rows * ngrams.outputs[name]
    return TaskDescription(name, task.kind, task.level, labels, f"{layers} + n-grams", parameters)


def _layer(layer: nn.Module) -> str:
    match layer:
        case nn.Linear():
            return f"Linear({layer.in_features}, {layer.out_features})"
        case nn.Dropout():
            return f"Dropout({layer.p:g})"
        case _:
            return type(layer).__name__


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
