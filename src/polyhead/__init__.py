"""One text encoder, many heads: train from one recipe, answer every question about a text in one pass."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyhead.answers import Answer
    from polyhead.errors import PolyheadError
    from polyhead.loading import load
    from polyhead.model.multitask import MultiTaskModel
    from polyhead.recipe import Recipe, load_recipe
    from polyhead.runtime.predictor import Predictor
    from polyhead.spans import Span
    from polyhead.training.result import TrainingResult
    from polyhead.training.train import train

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "MultiTaskModel",
    "PolyheadError",
    "Predictor",
    "Recipe",
    "Span",
    "TrainingResult",
    "load",
    "load_recipe",
    "train",
]

_HOMES = {
    "Answer": "polyhead.answers",
    "MultiTaskModel": "polyhead.model.multitask",
    "PolyheadError": "polyhead.errors",
    "Predictor": "polyhead.runtime.predictor",
    "Recipe": "polyhead.recipe",
    "Span": "polyhead.spans",
    "TrainingResult": "polyhead.training.result",
    "load": "polyhead.loading",
    "load_recipe": "polyhead.recipe",
    "train": "polyhead.training.train",
}


# Names are fetched when they are first used, so that `import polyhead` is instant and needs no torch.
def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        message = f"module 'polyhead' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
