"""The recipe of tasks that are added to a trained model: encoder and sharing are the model's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from polyhead.errors import Fault
from polyhead.folder import read_manifest
from polyhead.manifest import Manifest
from polyhead.model.compact import COMPACT
from polyhead.recipe import EncoderSettings, Recipe, parse_recipe
from polyhead.recipe_toml import override, read_toml
from polyhead.text.tokens import OVERLAP
from polyhead.training.result import OWN


def load_added_recipe(path: Path | str, *, base: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe of tasks that are to be added to a model; it has no tables `encoder` and `sharing`.

    Args:
        path: a TOML file; relative paths in it start at its folder.
        base: the folder of the model.
        overrides: changes such as `training.epochs=5`, made before anything is checked.

    Raises:
        RecipeError: with every fault of the file and of the overrides, each at its dotted path.
        FolderError: there is no model at `base`, or it was altered.
    """
    path, base = Path(path), Path(base)
    manifest = read_manifest(base, verify=False)
    document = read_toml(path)
    found = [override(document, assignment) for assignment in overrides]
    faults = [fault for fault in found if fault is not None]
    rule = f"must be left out: it is that of {base}. Found a table."
    faults += [Fault(name, rule, "Remove it.") for name in OWN if name in document]
    for name in OWN:
        document.pop(name, None)
    document["encoder"] = {"name": str(base)}
    recipe = parse_recipe(document, folder=path.parent, source=str(path), known_faults=faults)
    return on_model(recipe, base, manifest)


def on_model(recipe: Recipe, base: Path, manifest: Manifest | None = None) -> Recipe:
    """Give a recipe the encoder and the sharing of a model."""
    manifest = manifest or read_manifest(base, verify=False)
    # A folder of this name is no built-in encoder.
    name = f"./{base}" if str(base) == COMPACT else str(base)
    encoder = EncoderSettings(
        name=name,
        pooling=manifest.pooling,  # pyright: ignore[reportArgumentType]  reading the manifest checked it
        projection=manifest.projection,
        max_tokens=manifest.max_tokens,
        overlap=OVERLAP if manifest.overlap is None else manifest.overlap,
    )
    return replace(recipe, encoder=encoder, sharing=manifest.sharing)
