"""Results of a benchmark, a line of JSON each, so that a run can be stopped and started at will."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Results:
    """The lines of `results.jsonl` in a folder.

    Args:
        folder: made when absent.
        key: the fields that tell one run from another.
    """

    def __init__(self, folder: Path, *key: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._key = folder / "results.jsonl", key
        there = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in there]

    def has(self, *values: object) -> bool:
        """Tell whether a run with these values of the key is there."""
        return any(tuple(line[name] for name in self._key) == values for line in self.lines)

    def add(self, line: Mapping[str, Any]) -> None:
        """Keep a run, and print it."""
        self.lines.append(dict(line))
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
