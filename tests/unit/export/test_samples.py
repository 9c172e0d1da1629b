import json
from pathlib import Path

import pytest

from polyhead.errors import DataError
from polyhead.export import samples
from polyhead.export.samples import first_passages, labelled_rows, recipe_sources
from polyhead.recipe import DataSource
from polyhead.tasks.classification import Classification

RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[[data.train]]
path = "{train}"
fields = {{ text = "body" }}
[[data.train]]
path = "absent.jsonl"
[[data.dev]]
path = "dev.jsonl"
"""
TASKS = {"topic": Classification(labels=("a", "b"))}


def write(path: Path, *rows: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    train = write(tmp_path / "train.jsonl", *({"body": f"text {number}", "topic": "a"} for number in range(5)))
    (folder / "recipe.toml").write_text(RECIPE.format(train=train.as_posix()))
    return folder


def test_texts_are_read_from_the_column_that_the_recipe_names(model: Path) -> None:
    training, _ = recipe_sources(model)
    assert [passage.text for passage in first_passages(training)] == [f"text {number}" for number in range(5)]


def test_files_that_cannot_be_reached_are_left_out(model: Path) -> None:
    training, dev = recipe_sources(model)
    assert len(training) == 1
    assert dev == ()


@pytest.mark.parametrize("here", [True, False])
def test_relative_paths_are_looked_for_in_the_folder_and_in_the_current_directory(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    here: bool,  # noqa: FBT001
) -> None:
    home = tmp_path if here else model
    write(home / "dev.jsonl", {"text": "x", "topic": "a"})
    monkeypatch.chdir(tmp_path)
    _, dev = recipe_sources(model)
    rows = labelled_rows(dev, TASKS)
    assert rows is not None
    assert rows.texts([0]) == ["x"]


def test_a_folder_without_a_recipe_or_with_a_broken_one_has_no_sources(tmp_path: Path) -> None:
    assert recipe_sources(tmp_path) == ((), ())
    (tmp_path / "recipe.toml").write_text("[encoder")
    assert recipe_sources(tmp_path) == ((), ())


def test_no_more_texts_and_rows_are_read_than_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "many.jsonl", *({"text": str(number), "topic": "b"} for number in range(9)))
    monkeypatch.setattr(samples, "COMPARED", 4)
    monkeypatch.setattr(samples, "MEASURED", 3)
    sources = (DataSource(path=str(path)),)
    assert [passage.text for passage in first_passages(sources)] == ["0", "1", "2", "3"]
    rows = labelled_rows(sources, TASKS)
    assert rows is not None
    assert len(rows) == 3


def test_no_sources_are_no_rows() -> None:
    assert labelled_rows((), TASKS) is None


def test_wrong_rows_are_told_with_their_line(tmp_path: Path) -> None:
    path = write(tmp_path / "wrong.jsonl", {"text": "x", "topic": "a"}, {"text": "y", "topic": "c"})
    with pytest.raises(DataError, match=r"wrong\.jsonl:2"):
        labelled_rows((DataSource(path=str(path)),), TASKS)
