"""What must not change between a run and its resumption."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from polyhead.data.digests import digest_of
from polyhead.folder import read_manifest
from polyhead.manifest import ENCODER_WEIGHTS
from polyhead.model.saving import HEADS
from polyhead.recipe import Recipe
from polyhead.training.result import OWN

FREE = ("checkpoint_steps", "trackers")
"""Settings of `training` that may change."""

SHOWN = 5


def fingerprint_of(recipe: Recipe, *, base: Path | None = None) -> dict[str, Any]:
    """Return a recipe and digests of its training and dev rows, as plain values.

    Args:
        recipe: the recipe.
        base: the folder of the model that its tasks are added to, if they are.
    """
    document = recipe.to_document()
    for key in FREE:
        document["training"].pop(key, None)
    sources = [*recipe.data.train, *recipe.data.dev]
    files = {source.path: digest_of(source, folder=recipe.folder) for source in sources}
    if base is not None:
        # Wherever the model lies by now, and whatever was exported of it.
        found = read_manifest(base, verify=False).files
        files |= {f"the model's {name}": found.get(name) for name in (ENCODER_WEIGHTS, HEADS)}
        for key in OWN:
            document.pop(key, None)
    return json.loads(json.dumps({"recipe": document, "data": files}))


def differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name what is not as it was: keys of the recipe, and files; of many, the first few."""
    names: list[str] = []
    for part in ("recipe", "data"):
        old, new = dict(_flat(before.get(part, {}))), dict(_flat(now[part]))
        names += [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    return [*names[:SHOWN], f"{len(names) - SHOWN} more"] if len(names) > SHOWN else names


def _flat(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(cast("Mapping[str, Any]", value), f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
