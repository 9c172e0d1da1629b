"""New tasks on the encoder of a model that answers others, whose answers stay what they are to the bit."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from polyhead.errors import UsageError
from polyhead.manifest import Manifest
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.ngrams import bag_for
from polyhead.model.saving import SavedModel, beside_the_encoder, read_model
from polyhead.tasks.base import HeadTask, Task

SHARED = ("pooling.", "projection.")
"""What the names of weights begin with that tasks about texts share beside the encoder."""


def refuse_growth(manifest: Manifest, tasks: Mapping[str, Task], folder: Path) -> None:
    """Refuse tasks that a model cannot take.

    Args:
        manifest: of the model.
        tasks: the new tasks.
        folder: where the model is, for the message.

    Raises:
        UsageError: the model has a task of one of these names, or cannot grow by them.
    """
    taken = [name for name in tasks if name in manifest.tasks]
    if taken:
        message = f"a new task must have a name of its own. {folder} has {', '.join(map(repr, taken))} already."
        raise UsageError(message)
    headless = [name for name, task in tasks.items() if not isinstance(task, HeadTask)]
    if headless:
        rule = "a new task must have a head of its own: the embedding cannot change where others read it"
        message = f"{rule}. Found {', '.join(map(repr, headless))}."
        raise UsageError(message)
    sharing = manifest.sharing
    if not sharing.grows:
        rule = "a model must read one encoder for all of its tasks to take new ones"
        message = f"{rule}. {folder} shares by {sharing.kind!r}; train all tasks together, or the new ones alone."
        raise UsageError(message)


def new_heads(folder: Path, tasks: Mapping[str, Task], *, seed: int) -> MultiTaskModel:
    """Make untrained heads on a model's encoder, which stands still with its pooling and its projection.

    Args:
        folder: the folder of the model.
        tasks: the new tasks, with their labels known.
        seed: fixes the heads.

    Raises:
        FolderError: the folder is absent, altered or of another format version.
        UsageError: the model has a task of one of these names, or cannot grow by them.
    """
    saved = read_model(folder)
    refuse_growth(saved.manifest, tasks, folder)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = _model(saved, tasks)
    shared = {name: tensor for name, tensor in saved.tensors.items() if name.startswith(SHARED)}
    # The heads are new, so their names are the ones left out.
    model.load_state_dict(shared, strict=False)
    for name, weight in model.named_parameters():
        weight.requires_grad = not name.startswith(("encoder.", *SHARED))
    return model.eval()


def grown(folder: Path, added: MultiTaskModel) -> MultiTaskModel:
    """Put trained heads beside those of the model that they were trained on.

    Args:
        folder: the folder of that model.
        added: what `new_heads` made, trained.
    """
    saved = read_model(folder)
    before = saved.manifest.tasks
    model = _model(saved, {**before, **added.trained_tasks()})
    model.ngrams = bag_for(before, saved.manifest.ngrams, vocabulary=saved.tokenizer.vocabulary_size)
    tensors = {**beside_the_encoder(added), **saved.tensors}
    replace(saved, tensors=tensors).fill(model)
    return model.eval()


def _model(saved: SavedModel, tasks: Mapping[str, Task]) -> MultiTaskModel:
    manifest = saved.manifest
    return MultiTaskModel(
        encoder=saved.encoder,
        tokenizer=saved.tokenizer,
        tasks=tasks,
        pooling=manifest.pooling,
        projection=manifest.projection,
        sharing=manifest.sharing,
    )
