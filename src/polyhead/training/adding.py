"""Tasks that are added to a trained model: what their recipe takes from it, and what its new folder keeps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polyhead.errors import Fault
from polyhead.folder import read_manifest
from polyhead.manifest import Manifest
from polyhead.recipe import EncoderSettings, Recipe, parse_recipe
from polyhead.recipe_toml import override, read_toml
from polyhead.text.tokens import OVERLAP
from polyhead.training.result import METRICS, RECIPE

OLDER = "recipe-{}.toml"
"""What the recipes of earlier tasks are called, the oldest with 1."""

OWN = ("encoder", "sharing")
"""Tables of a recipe that are the model's."""


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
    encoder = EncoderSettings(
        name=str(base),
        pooling=manifest.pooling,  # pyright: ignore[reportArgumentType]  reading the manifest checked it
        projection=manifest.projection,
        max_tokens=manifest.max_tokens,
        overlap=OVERLAP if manifest.overlap is None else manifest.overlap,
    )
    return replace(recipe, encoder=encoder, sharing=manifest.sharing)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a folder keeps of the model that it grew from.

    Args:
        recipes: the recipes of its tasks, by the file's name.
        metrics: its scores, by split.
    """

    recipes: Mapping[str, str]
    metrics: Mapping[str, Any]

    @classmethod
    def read(cls, base: Path) -> "Earlier":
        """Read it from the folder of that model, as far as it is there."""
        texts = [path.read_text(encoding="utf-8") for path in _recipes(base)]
        recipes = {OLDER.format(number): text for number, text in enumerate(texts, start=1)}
        try:
            metrics = json.loads((base / METRICS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            metrics = {}
        return cls(recipes, metrics if isinstance(metrics, dict) else {})

    def joined(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Put the scores of the new tasks beside the earlier ones; no row was judged by all of them."""
        joined: dict[str, Any] = {}
        for split, new in metrics.items():
            old = self.metrics.get(split)
            both = [of for of in (old, new) if of is not None]
            tasks = {name: scores for of in both for name, scores in of["tasks"].items()}
            joined[split] = {**both[-1], "all_right": None, "tasks": tasks} if both else None
        return joined


def _recipes(base: Path) -> list[Path]:
    """List the recipes of a model's tasks, the oldest first."""
    numbered = [base / OLDER.format(number) for number in range(1, 1000)]
    before = [path for path in numbered if path.is_file()]
    last = base / RECIPE
    return [*before, *([last] if last.is_file() else [])]
