"""The model card: what a model folder is, how well it does, and how to use it."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from polyhead.recipe import Recipe

USAGE = """\
## Use

```console
pip install "polyhead[train]"
polyhead predict . "A text of yours"
```

```python
import polyhead

predictor = polyhead.load(".")
answer = predictor.predict(["A text of yours"])[0]
print(answer.to_json())
vectors = predictor.embed(["A text of yours"])   # float32, shape (texts, width)
```
"""

ENCODER_USAGE = """\
The shared encoder alone opens with the libraries that know its format:

```python
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

embeddings = SentenceTransformer(".").encode(["A text of yours"])
encoder = AutoModel.from_pretrained(".")
```
"""


def model_card(recipe: Recipe, metrics: Mapping[str, Any]) -> str:
    """Write the README.md of a model folder.

    Args:
        recipe: what was trained, labels filled in.
        metrics: `{"dev": …, "test": …}`, each in the shape of `evaluate --json` or nothing.
    """
    parts = [_front_matter(recipe), _what_it_is(recipe), _tasks(recipe)]
    told: set[str] = set()
    for split in ("test", "dev"):
        found = metrics.get(split) or {"tasks": {}}
        # Each task by its test rows, or by its dev rows where it has no others.
        new = {name: scores for name, scores in found["tasks"].items() if name not in told}
        if new:
            parts.append(_scores(split, {**found, "tasks": new}))
        told |= {name for name, scores in new.items() if scores["rows"]}
    parts.append(USAGE)
    # An attention pooling is ours alone: no other library computes the embedding.
    if recipe.encoder.pooling != "attention":
        parts.append(ENCODER_USAGE)
    return "\n".join(parts)


def _front_matter(recipe: Recipe) -> str:
    kinds = dict.fromkeys(task.kind for task in recipe.tasks.values())
    tags = "\n".join(f"- {tag}" for tag in ("polyhead", "multi-task", *kinds))
    return f"---\nlibrary_name: polyhead\ntags:\n{tags}\n---\n"


def _what_it_is(recipe: Recipe) -> str:
    count = len(recipe.tasks)
    answers = f"{count} answers" if count > 1 else "one answer"
    # A local folder's place is nobody's business but its owner's.
    name = PurePath(recipe.encoder.name)
    encoder = name.name if name.is_absolute() else recipe.encoder.name
    return (
        "# A Polyhead model\n\n"
        f"One encoder (`{encoder}`, {recipe.encoder.pooling} pooling) gives {answers} about a text in one pass.\n"
        "`recipe.toml` says how it was trained, `polyhead.json` what the folder holds.\n"
    )


def _tasks(recipe: Recipe) -> str:
    lines = ["## Tasks\n", "| task | kind | labels |", "|---|---|---|"]
    for name, task in recipe.tasks.items():
        labels: tuple[str, ...] = getattr(task, "labels", None) or ()
        lines.append(f"| {name} | {task.kind} | {', '.join(map(_cell, labels))} |")
    return "\n".join(lines) + "\n"


def _scores(split: str, metrics: Mapping[str, Any]) -> str:
    lines = [f"## Scores on {split} ({metrics['rows']:,} rows)\n", "| task | rows | scores |", "|---|---|---|"]
    for name, scores in metrics["tasks"].items():
        numbers = [f"{key} {value:.3f}" for key, value in scores.items() if isinstance(value, float)]
        lines.append(f"| {name} | {scores['rows']:,} | {', '.join(n for n in numbers if n.split()[0] != 'primary')} |")
    if metrics["all_right"] is not None:
        lines.append(f"\nAll tasks right at once: {metrics['all_right']:.3f} of the rows labelled for every task.")
    return "\n".join(lines) + "\n"


def _cell(label: str) -> str:
    return label.replace("|", "\\|").replace("\n", " ")
