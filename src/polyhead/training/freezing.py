"""What of the encoder stays as it is, and how deep each of its weights lies."""

from collections.abc import Mapping
from functools import partial
from itertools import chain

from torch import Tensor, nn

from polyhead.data.dataset import Dataset
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.packed.states import TokenStates
from polyhead.model.remembering import Remembered
from polyhead.recipe import Recipe
from polyhead.sharing._adapters import MARK
from polyhead.sharing._soft import layers_of
from polyhead.training.preparation import passages_of
from polyhead.training.progress import Progress

MOST_REMEMBERED = 2**28
"""Numbers of the states that are kept when the encoder is frozen: a gigabyte."""


def hold_still(model: MultiTaskModel, recipe: Recipe, data: Dataset, progress: Progress, *, what: str | int) -> None:
    """Keep a part of the model from learning, and tell what the way of sharing costs.

    The states of a frozen encoder are computed now, for the texts of train and dev, and looked up ever after.
    """
    freeze(model, what)
    passes = model.passes()
    if passes > 1:
        progress.note(f"sharing {recipe.sharing.kind!r}: {passes} encoder passes a text where all tasks are asked")
    if is_frozen(model):
        rows = [rows for name, rows in data.splits().items() if name != "test"]
        model.encoder.eval()
        model.remembered = Remembered(
            partial(_encode, model),
            model.tokenizer,
            chain.from_iterable(map(passages_of, rows)),
            most=MOST_REMEMBERED // model.width,
        )
        progress.note(f"the encoder is frozen: the states of {len(model.remembered):,} texts are looked up")


def _encode(model: MultiTaskModel, batch: Mapping[str, Tensor]) -> TokenStates:
    return model.encode(model.encoder, {name: tensor.to(model.encoder.device) for name, tensor in batch.items()})


def freeze(model: MultiTaskModel, what: str | int) -> None:
    """Keep a part of every encoder of the model from learning; adapters always learn.

    Args:
        model: is changed in place.
        what: `none`, `embeddings`, `all`, or how many of the first layers, which includes the embeddings.
    """
    if what == "none":
        return
    for encoder in model.encoders().values():
        depths = weight_depths(encoder)
        tables = {id(weight) for weight in encoder.get_input_embeddings().parameters()}
        highest = max(depths.values()) if what == "all" else what if isinstance(what, int) else -1
        for name, weight in encoder.named_parameters():
            if MARK not in name and (id(weight) in tables or depths[name] <= highest):
                weight.requires_grad = False


def weight_depths(encoder: nn.Module) -> Mapping[str, int]:
    """Say how deep each weight of an encoder lies: 0 before the layers, 1 in the first; after the last, as in it."""
    layers = list(layers_of(encoder))
    number = {id(weight): place + 1 for place, layer in enumerate(layers) for weight in layer.parameters()}
    depths: dict[str, int] = {}
    passed = False
    # Weights are listed in the order in which an encoder makes its parts: what follows the layers stands above them.
    for name, weight in encoder.named_parameters():
        passed = passed or id(weight) in number
        depths[name] = number.get(id(weight), len(layers) if passed else 0)
    return depths


def is_frozen(model: MultiTaskModel) -> bool:
    """Tell whether nothing of the encoder learns, so that its states never change."""
    alone = model.branches.one_pass
    return alone and not any(weight.requires_grad for weight in model.encoder.parameters())
