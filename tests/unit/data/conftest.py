"""Files of rows, recipes over them, and a tokenizer that needs no training."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from polyhead.data.reading import RowsRead, read_rows
from polyhead.recipe import DataSource, Recipe, parse_recipe
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer

Save = Callable[..., str]
Read = Callable[..., RowsRead]
MakeRecipe = Callable[..., Recipe]


@pytest.fixture
def tasks() -> dict[str, Task]:
    return {"topic": Classification(), "entities": Entities()}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write rows (mappings, or lines as text or bytes) to a file; return its name."""

    def save_rows(*rows: Mapping[str, Any] | str | bytes, name: str = "rows.jsonl") -> str:
        lines = [json.dumps(row) if isinstance(row, Mapping) else row for row in rows]
        content = [line.encode() if isinstance(line, str) else line for line in lines]
        (tmp_path / name).write_bytes(b"".join(line + b"\n" for line in content))
        return name

    return save_rows


@pytest.fixture
def read(tmp_path: Path, tasks: dict[str, Task]) -> Read:
    """Read files of the temporary folder, all with the same fields."""

    def read_files(
        *names: str,
        fields: Mapping[str, str] | None = None,
        asked: Mapping[str, Task] | None = None,
        trained: Mapping[str, Sequence[str]] | None = None,
    ) -> RowsRead:
        sources = [DataSource(path=name, fields=fields or {}) for name in names]
        return read_rows(sources, asked or tasks, folder=tmp_path, trained_labels=trained)

    return read_files


@pytest.fixture
def make_recipe(tmp_path: Path) -> MakeRecipe:
    """Make a recipe over files of the temporary folder; `topic` and `entities` unless other tasks are given."""

    def make(
        *, tasks: Mapping[str, Any] | None = None, on_bad_rows: str = "refuse", splits: Mapping[str, Sequence[str]]
    ) -> Recipe:
        document = {
            "encoder": {"name": "compact"},
            "tasks": tasks or {"topic": {"kind": "classification"}, "entities": {"kind": "entities"}},
            "data": {split: [{"path": name} for name in names] for split, names in splits.items()},
            "on_bad_rows": on_bad_rows,
        }
        return parse_recipe(document, folder=tmp_path, source="recipe.toml")

    return make


@pytest.fixture
def tokenizer() -> TextTokenizer:
    """Cut texts at white space and signs; every token is the same, at most eight a text."""
    words = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = Whitespace()
    return TextTokenizer(words, max_tokens=8, padding_id=0, filler_id=0)
