"""A finished training: what it found, and the model folder that it leaves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import Recipe, recipe_to_toml
from polyhead.training.card import model_card
from polyhead.training.conflicts import draw_conflicts
from polyhead.training.pictures import draw_training

RECIPE, METRICS, HISTORY, CONFLICTS = "recipe.toml", "metrics.json", "history.json", "conflicts.json"
PICTURES = "pictures"
OWN = ("encoder", "sharing")
"""Tables that the recipe of added tasks has not: they are the model's."""

OLDER = "recipe-{}.toml"
"""What the recipes of earlier tasks are called, the oldest with 1."""


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A finished training.

    Args:
        folder: the model folder.
        dev: metrics on dev, absent without dev rows.
        test: metrics on test, absent without test rows.
        history: one record for each evaluation during training.
    """

    folder: Path
    dev: Mapping[str, Any] | None
    test: Mapping[str, Any] | None
    history: Sequence[Mapping[str, Any]]

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Return each task's metrics on test, or on dev where there is no test: `metrics["topic"]["macro_f1"]`."""
        best = self.test or self.dev
        return best["tasks"] if best else {}


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
        texts = [path.read_text(encoding="utf-8") for path in recipes_in(base)]
        recipes = {OLDER.format(number): text for number, text in enumerate(texts, start=1)}
        metrics = _read(base / METRICS, {})
        # Whoever saved the model may have put something else there.
        return cls(recipes, {name: of for name, of in metrics.items() if isinstance(of, dict) and "tasks" in of})

    def joined(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Put the scores of the new tasks beside the earlier ones; no row was judged by all of them."""
        joined: dict[str, Any] = {}
        for split, new in metrics.items():
            old = self.metrics.get(split)
            both = [of for of in (old, new) if of is not None]
            tasks = {name: scores for of in both for name, scores in of["tasks"].items()}
            joined[split] = {**both[-1], "all_right": None, "tasks": tasks} if both else None
        return joined


def publish(
    result: TrainingResult,
    model: MultiTaskModel,
    *,
    recipe: Recipe,
    conflicts: Sequence[Any],
    earlier: Earlier | None,
) -> None:
    """Write the model folder.

    Args:
        result: what was found, and where the folder is to be.
        model: what it is to hold.
        recipe: what was trained; its tasks are those of the card.
        conflicts: what was logged of the gradients.
        earlier: what is kept of the model that it grew from, if it did.
    """
    found = {"dev": result.dev, "test": result.test}
    metrics = found if earlier is None else earlier.joined(found)
    written = {
        **({} if earlier is None else earlier.recipes),
        # Added tasks have the encoder and the sharing of the model; their recipe is without, as it was given.
        RECIPE: recipe_to_toml(recipe, without=() if earlier is None else OWN),
        METRICS: _json(metrics),
        HISTORY: _json(result.history),
        **({CONFLICTS: _json(conflicts)} if conflicts else {}),
        "README.md": model_card(recipe.with_tasks(model.tasks), metrics),
    }
    model.save_pretrained(result.folder, documents=written, overwrite=True)
    draw_training(result.folder / PICTURES, history=result.history, metrics=result.test or result.dev)
    if conflicts:
        draw_conflicts(result.folder / PICTURES, conflicts)


def finished(folder: Path) -> TrainingResult:
    """Read the result of a training that is there already, as far as the folder tells."""
    metrics = _read(folder / METRICS, {})
    return TrainingResult(folder, metrics.get("dev"), metrics.get("test"), _read(folder / HISTORY, []))


def _json(value: Any) -> str:  # noqa: ANN401  any JSON value
    return json.dumps(value, indent=1, ensure_ascii=False)


def recipes_in(base: Path) -> list[Path]:
    """List the recipes of a model's tasks, the oldest first; those of added tasks are without encoder and sharing."""
    numbered = [base / OLDER.format(number) for number in range(1, 1000)]
    before = [path for path in numbered if path.is_file()]
    last = base / RECIPE
    return [*before, *([last] if last.is_file() else [])]


def _read(path: Path, otherwise: Any) -> Any:  # noqa: ANN401  JSON of the same type
    """Read a JSON file; something else where it is absent, broken or of another type."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return otherwise
    return found if isinstance(found, type(otherwise)) else otherwise
