"""The recipe: one file that says what to train, as frozen records that were checked as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self, cast

import tomli_w
from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, BeforeValidator, PlainValidator, TypeAdapter, ValidationError

from polyhead.balancing.base import Balancing
from polyhead.balancing.fixed import Fixed
from polyhead.errors import Fault, RecipeError, UsageError
from polyhead.recipe_faults import Table, faults_of, kind_table
from polyhead.recipe_rules import freezing, joinable, no_key, of_tasks, one_length, some_trained, task_name
from polyhead.recipe_sources import DataSource as DataSource  # noqa: PLC0414  part of the recipe for its readers
from polyhead.recipe_sources import DataSources
from polyhead.recipe_toml import override, plain, read_toml, tupled
from polyhead.registry import STRICT
from polyhead.sampling.base import Sampling
from polyhead.sampling.temperature import Temperature
from polyhead.sharing.base import Sharing
from polyhead.sharing.hard import Hard
from polyhead.tasks.base import WIDEST, Task
from polyhead.text.tokens import LARGEST_OVERLAP, OVERLAP

Positive = Annotated[int, Gt(0), Lt(2**31)]


Precision = Literal["float32", "bfloat16"]
"""What weights of float32 compute in."""


@dataclass(frozen=True, kw_only=True)
class EncoderSettings:
    """The encoder that all tasks share, and the sentence embedding made of its states.

    Args:
        name: a hub id, a local folder, or `compact`, which is built in.
        pooling: how token states become one embedding.
        projection: width of the embedding; that of the encoder when absent.
        max_tokens: the longest input, special tokens included; the encoder's own limit when that is lower.
        overlap: share of a long text's window that the next window reads too.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    name: Annotated[str, MinLen(1)]
    pooling: Literal["mean", "cls", "last", "max", "attention"] = "mean"
    projection: Annotated[int, Gt(0), Le(WIDEST)] | None = None
    max_tokens: Annotated[int, Ge(8)] = 512
    overlap: Annotated[float, Ge(0), Le(LARGEST_OVERLAP)] = OVERLAP


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How to train; an absent number depends on the encoder and on the data, see `training/defaults.py`.

    Args:
        epochs: passes over the data; excludes `max_steps`.
        max_steps: optimiser steps; excludes `epochs`.
        batch_tokens: tokens of a batch, padding included.
        learning_rate: the highest rate of the encoder.
        head_learning_rate: the highest rate of the heads.
        weight_decay: decoupled decay of weights that are not biases or norms.
        warmup: share of the steps in which the rate rises, in [0, 1).
        clip: the largest norm of the gradient.
        accumulate: batches of an optimiser step.
        patience: epochs without a better dev score before training stops; never when absent.
        checkpoint_steps: optimiser steps between checkpoints; 0 is at each evaluation only.
        swap_entities: probability that an entity of a training row is swapped for another of its label.
        precision: number format of the forward pass.
        freeze: what of the encoder stays as it is: `none`, `embeddings`, `all`, or how many of the first layers, which
            includes the embeddings. When absent, nothing does but where a few rows are all there is.
        linear_probe: whether heads that read the sentence embedding begin where a regression on it ends; not for
            `compact`, whose embeddings say nothing before it has learned.
        ngrams: whether heads about whole texts weigh in a linear model of n-grams once training is over; for `compact`
            alone, and where there are dev rows, which tell how much it counts.
        ema_decay: decay at each step of the running average of the weights that is evaluated and kept; 0 is none.
        layer_decay: factor of the learning rate from each layer of the encoder to the one below it.
        log_conflicts: whether the cosines between the gradients of the tasks are logged.
        conflict_steps: optimiser steps between two of these logs.
        trackers: where the curves go beside the run folder.
        seed: fixes everything that is drawn.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    epochs: Positive | None = None
    max_steps: Annotated[Positive | None, AfterValidator(one_length)] = None
    batch_tokens: Positive | None = None
    learning_rate: Annotated[float, Gt(0)] | None = None
    head_learning_rate: Annotated[float, Gt(0)] | None = None
    weight_decay: Annotated[float, Ge(0)] = 0.01
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.1
    clip: Annotated[float, Gt(0)] = 1.0
    accumulate: Positive = 1
    patience: Positive | None = None
    checkpoint_steps: Annotated[int, Ge(0)] = 500
    swap_entities: Annotated[float, Ge(0), Le(1)] | None = None
    precision: Precision = "float32"
    freeze: Annotated[str | int | None, PlainValidator(freezing)] = None
    linear_probe: bool = True
    ngrams: bool = True
    ema_decay: Annotated[float, Ge(0), Lt(1)] | None = None
    layer_decay: Annotated[float, Gt(0), Le(1)] = 1.0
    log_conflicts: bool = False
    conflict_steps: Positive = 50
    trackers: tuple[Literal["tensorboard"], ...] = ()
    # Seeds of numpy's older generators have 32 bits.
    seed: Annotated[int, Ge(0), Lt(2**32)] = 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to train, on what, and how.

    Args:
        encoder: the shared encoder.
        tasks: what to ask about a text, by name, in the order of the file.
        data: the files of rows.
        sharing: how tasks share the encoder.
        sampling: how often each task is drawn.
        balancing: how the losses become one.
        training: length, speed and care of the training.
        on_bad_rows: whether rows with faults stop training before it starts, or are left out and reported.
        folder: where relative paths start; no key of the file, and not compared.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    encoder: Annotated[EncoderSettings, Table()]
    tasks: Annotated[
        Mapping[Annotated[str, AfterValidator(task_name)], Annotated[Task, kind_table("tasks")]],
        MinLen(1),
        AfterValidator(some_trained),
    ]
    data: Annotated[DataSources, Table()]
    sharing: Annotated[Sharing, kind_table("sharing", default="hard"), AfterValidator(of_tasks)] = field(
        default_factory=Hard
    )
    sampling: Annotated[Sampling, kind_table("sampling", default="temperature"), AfterValidator(of_tasks)] = field(
        default_factory=Temperature
    )
    balancing: Annotated[Balancing, kind_table("balancing", default="fixed"), AfterValidator(joinable)] = field(
        default_factory=Fixed
    )
    training: Annotated[TrainingSettings, Table()] = field(default_factory=TrainingSettings)
    on_bad_rows: Literal["refuse", "skip"] = "refuse"
    folder: Annotated[Path, BeforeValidator(no_key)] = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", MappingProxyType(dict(self.tasks)))

    def with_tasks(self, tasks: Mapping[str, Task]) -> Self:
        """Return the same recipe with other tasks, such as those whose labels the data filled in."""
        return replace(self, tasks=tasks)

    def to_document(self) -> dict[str, Any]:
        """Return the recipe as plain values that TOML can write; what is absent is left out."""
        return plain(self)


def load_recipe(path: Path | str, *, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and check it as a whole.

    Args:
        path: a TOML file; relative paths in it start at its folder.
        overrides: changes such as `training.epochs=5`, made before anything is checked.

    Raises:
        RecipeError: with every fault of the file and of the overrides, each at its dotted path.
        UsageError: `overrides` is no list.
    """
    if isinstance(overrides, str):
        message = f"`overrides` must be a list of changes. Found {overrides!r}; put it in a list."
        raise UsageError(message)
    path = Path(path)
    document = read_toml(path)
    found = [override(document, assignment) for assignment in overrides]
    faults = [fault for fault in found if fault is not None]
    return parse_recipe(document, folder=path.parent, source=str(path), known_faults=faults)


def parse_recipe(
    document: Mapping[str, Any], *, folder: Path, source: str, known_faults: Sequence[Fault] = ()
) -> Recipe:
    """Check the document of a recipe.

    Args:
        document: what a TOML reader returns.
        folder: where relative paths start.
        source: where the document comes from, for the title of the error.
        known_faults: what was found before, to be reported with the rest.

    Raises:
        RecipeError: with every fault of the document, each at its dotted path.
    """
    tasks = document.get("tasks")
    names = tuple(cast("Mapping[str, object]", tasks)) if isinstance(tasks, Mapping) else ()
    try:
        recipe = _adapter().validate_python(tupled(document), context={"tasks": names})
    except ValidationError as error:
        raise RecipeError(source, [*known_faults, *faults_of(error)]) from None
    if known_faults:
        raise RecipeError(source, known_faults)
    return replace(recipe, folder=folder)


def recipe_to_toml(recipe: Recipe, *, without: Sequence[str] = ()) -> str:
    """Write a recipe as TOML; reading it gives an equal recipe, unless tables are left out."""
    return tomli_w.dumps({name: value for name, value in recipe.to_document().items() if name not in without})


@cache
def _adapter() -> TypeAdapter[Recipe]:
    return TypeAdapter(Annotated[Recipe, Table()])
