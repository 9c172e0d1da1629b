"""Some rows of a data set, drawn by a seed."""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def limit_rows(
    document: Mapping[str, Any], rows: int, *, seed: int, folder: Path, splits: Sequence[str] = ("train",)
) -> None:
    """Let a recipe read some rows of each file, drawn by the seed, with the labels of all training rows.

    Args:
        document: the recipe, changed in place.
        rows: of each file; 0 leaves the recipe as it is.
        seed: of what is drawn.
        folder: where the rows are written.
        splits: which files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in document["data"]["train"] if rows else ():
        for task, field in source["fields"].items():
            document["tasks"][task]["labels"] = _labels(_lines(source), field)
    for split in splits if rows else ():
        for number, source in enumerate(document["data"][split]):
            _point_to(source, folder / f"{split}-{number}.jsonl", _shuffled(source, seed)[:rows])


def judge_by_others(document: Mapping[str, Any], rows: int, *, seed: int, folder: Path) -> None:
    """Let the training rows that `limit_rows` would leave out be the test rows of a recipe, changed in place."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (source, test) in enumerate(zip(document["data"]["train"], document["data"]["test"], strict=True)):
        _point_to(test, folder / f"others-{number}.jsonl", _shuffled(source, seed)[rows:])


def _point_to(source: dict[str, Any], file: Path, lines: Sequence[str]) -> None:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    source["path"] = str(file.resolve())


def _shuffled(source: Mapping[str, Any], seed: int) -> list[str]:
    lines = _lines(source)
    random.Random(seed).shuffle(lines)  # noqa: S311  what is drawn is no secret
    return lines


def _lines(source: Mapping[str, Any]) -> list[str]:
    return Path(source["path"]).read_text(encoding="utf-8").splitlines()


def _labels(lines: Sequence[str], field: str) -> list[str]:
    """List the labels of a task: a few rows may lack one that dev has."""
    values = [json.loads(line)[field] for line in lines]
    return sorted(
        {label for of in values for label in ([of] if isinstance(of, str) else [span["type"] for span in of])}
    )
