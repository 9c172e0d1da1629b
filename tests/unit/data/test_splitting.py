"""Splits made of training rows: every text in one of them, every label in its share, the same in every process."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.dataset import load_dataset
from polyhead.data.forms import normal_form
from polyhead.data.reading import RowsRead
from polyhead.data.rows import Rows
from polyhead.data.splitting import split_rows
from polyhead.errors import RecipeError
from polyhead.recipe import load_recipe

Save = Callable[..., str]
Read = Callable[..., RowsRead]
SHARES = {"dev": 0.1, "test": 0.2}
COUNTS = {"common": 600, "seldom": 60, "rare": 10, "single": 1}
ROWS = [{"text": f"{label} {number}", "topic": label} for label, count in COUNTS.items() for number in range(count)]


@pytest.fixture
def rows(save: Save, read: Read) -> Rows:
    return read(save(*ROWS)).rows


def texts(rows: Rows) -> list[str]:
    return rows.texts(range(len(rows)))


def test_every_row_is_in_one_split(rows: Rows) -> None:
    parts = split_rows(rows, SHARES, seed=0)
    assert list(parts) == ["train", "dev", "test"]
    assert sorted(text for part in parts.values() for text in texts(part)) == sorted(row["text"] for row in ROWS)


def test_every_label_has_its_share(rows: Rows) -> None:
    parts = split_rows(rows, SHARES, seed=0)
    for label, count in COUNTS.items():
        for name, share in SHARES.items():
            assert abs(parts[name].counts("topic")[label] - share * count) <= 2
    assert all(parts["train"].counts("topic")[label] for label in COUNTS)
    assert sum(len(part) for part in parts.values()) == len(ROWS)


def test_the_seed_decides_and_nothing_else(rows: Rows) -> None:
    first, again, other = (split_rows(rows, SHARES, seed=seed) for seed in (0, 0, 1))
    assert texts(first["dev"]) == texts(again["dev"])
    assert texts(first["dev"]) != texts(other["dev"])


def test_equal_texts_stay_together(save: Save, read: Read) -> None:
    copies = [{"text": text, "topic": "ab"[n % 2]} for n in range(60) for text in (f"T {n}", f" t  {n}", f"t {n}")]
    parts = split_rows(read(save(*copies)).rows, SHARES, seed=3)
    homes = [{normal_form(text) for text in texts(part)} for part in parts.values()]
    assert sum(map(len, homes)) == len(set().union(*homes)) == 60
    assert all(len(part) == 3 * len(home) for part, home in zip(parts.values(), homes, strict=True))
    assert [len(part) for part in parts.values()] == [126, 18, 36]


def test_a_text_belongs_to_the_rarest_of_its_labels(save: Save, read: Read) -> None:
    spans = [{"start": 0, "end": 1, "label": "X"}]
    made = [{"text": f"a{n}", "topic": "t", "entities": []} for n in range(90)]
    made += [{"text": f"b {n}", "topic": "t", "entities": spans} for n in range(10)]
    parts = split_rows(read(save(*made)).rows, SHARES, seed=0)
    assert {name: part.counts("entities")["X"] for name, part in parts.items()} == {"train": 7, "dev": 1, "test": 2}


def test_rows_without_labels_are_parted_too(save: Save, read: Read) -> None:
    made = [{"text": "labelled", "topic": "x"}, *({"text": f"plain {n}"} for n in range(99))]
    assert [len(part) for part in split_rows(read(save(*made)).rows, SHARES, seed=0).values()] == [70, 10, 20]


RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[data]
split = {{ {shares} }}
[[data.train]]
path = "rows.jsonl"
{more}
"""


def recipe(folder: Path, shares: str, more: str = "") -> Path:
    (folder / "recipe.toml").write_text(RECIPE.format(shares=shares, more=more))
    return folder / "recipe.toml"


def test_a_recipe_may_ask_for_shares(save: Save, tmp_path: Path) -> None:
    save(*ROWS)
    data = load_dataset(load_recipe(recipe(tmp_path, "dev = 0.1")))
    assert data.test is None
    assert data.dev is not None
    assert (len(data.train), len(data.dev)) == (604, 67)
    assert Counter(data.train.counts("topic").keys()) == Counter(COUNTS.keys())


def test_every_process_makes_the_same_splits(save: Save, tmp_path: Path) -> None:
    save(*ROWS)
    code = f"""
import json
from polyhead.data.dataset import load_dataset
from polyhead.recipe import load_recipe
dev = load_dataset(load_recipe({str(recipe(tmp_path, "dev = 0.1"))!r})).dev
print(json.dumps(dev.texts(range(len(dev)))))
"""
    found: list[Any] = []
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code]
        done = subprocess.run(
            command, capture_output=True, check=True, env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("shares", "more", "saying"),
    [
        ("dev = 0.6, test = 0.4", "", "data.split.test: `dev` and `test` must leave rows to train on."),
        ("dev = 1.5", "", "data.split.dev: must be less than 1.0. Found 1.5."),
        ("dve = 0.1", "", "did you mean 'dev'"),
        ("dev = 0.1", '[[data.dev]]\npath = "d.jsonl"', "must not give a share to `dev`, which has files of its own."),
    ],
)
def test_wrong_shares_are_faults_of_the_recipe(shares: str, more: str, saying: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe(tmp_path, shares, more))
    assert saying in str(caught.value)
