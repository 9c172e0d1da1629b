"""What is done to a model once, after its training: the form that it has in use."""

from polyhead.data.dataset import Dataset
from polyhead.model.compact import COMPACT
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.spelling import fold
from polyhead.recipe import Recipe
from polyhead.training.ngrams import weigh_in
from polyhead.training.progress import Progress


def settle(model: MultiTaskModel, recipe: Recipe, data: Dataset, progress: Progress) -> None:
    """Fold spelling into plain tables, and weigh n-grams in where dev rows tell how much.

    Args:
        model: trained; it is changed in place.
        recipe: what was trained.
        data: its rows.
        progress: who is told.
    """
    for encoder in model.encoders().values():
        fold(encoder)
    model.remembered = None
    if data.dev is not None and recipe.encoder.name == COMPACT and recipe.training.ngrams:
        shares = weigh_in(model, data.train, data.dev, seed=recipe.training.seed)
        if shares:
            told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
            progress.note(f"share of the n-grams beside the network, chosen on dev: {told}")
