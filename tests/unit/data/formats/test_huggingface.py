"""Data sets of the `datasets` library: read with the names of their classes, written so that it opens them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.formats import huggingface
from polyhead.errors import DataError, MissingExtraError

Parse = Callable[..., Any]
Write = Callable[..., Any]


@pytest.fixture
def datasets() -> Any:  # noqa: ANN401
    return pytest.importorskip("datasets")


@pytest.fixture
def saved(datasets: Any, tmp_path: Path) -> Path:  # noqa: ANN401
    tags = datasets.ClassLabel(names=["O", "B-PER", "I-PER"])
    features = datasets.Features(
        {
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(tags),
            "topic": datasets.ClassLabel(names=["sports", "world"]),
            "spans": datasets.Sequence({"start": datasets.Value("int32"), "kind": tags}),
            "rows": [{"kind": tags}],
            "score": datasets.Value("float32"),
        }
    )
    rows = {
        "tokens": [["Ada", "Quill"], ["rain"]],
        "ner_tags": [[1, 2], [0]],
        "topic": [1, -1],
        "spans": [{"start": [0], "kind": [1]}, {"start": [], "kind": []}],
        "rows": [[{"kind": 2}], []],
        "score": [0.5, None],
    }
    train = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": train, "test": train.select([1])}).save_to_disk(str(tmp_path / "set"))
    return tmp_path / "set"


def test_numbers_of_classes_become_names(parse: Parse, saved: Path) -> None:
    records, faults = parse("huggingface", saved, split="train")
    assert not faults
    assert [number for number, _ in records] == [1, 2]
    first, second = (record for _, record in records)
    assert first["ner_tags"] == ["B-PER", "I-PER"]
    assert (first["topic"], second["topic"]) == ("world", None)
    assert first["rows"] == [{"kind": "I-PER"}]
    assert (first["score"], second["score"]) == (0.5, None)


def test_a_set_of_several_splits_needs_one_named(parse: Parse, saved: Path) -> None:
    with pytest.raises(DataError, match=r"one of the splits 'train', 'test'. Found none"):
        parse("huggingface", saved)
    with pytest.raises(DataError, match=r"did you mean 'train'"):
        parse("huggingface", saved, split="tran")


def test_one_split_needs_no_name(parse: Parse, saved: Path) -> None:
    assert len(parse("huggingface", saved / "test")[0]) == 1


def test_a_set_that_cannot_be_had_is_told_in_one_sentence(parse: Parse, datasets: Any, tmp_path: Path) -> None:  # noqa: ANN401, ARG001
    with pytest.raises(DataError, match=r"Save it as Parquet or JSON Lines where the hub cannot be reached"):
        parse("huggingface", tmp_path / "absent/set")


def test_what_is_written_opens_with_the_library(write: Write, parse: Parse, datasets: Any) -> None:  # noqa: ANN401
    rows = [{"text": "a", "entities": [{"start": 0, "end": 1, "label": "X"}]}, {"text": "b", "entities": []}]
    path, losses = write("huggingface", rows)
    assert not losses
    assert list(datasets.load_from_disk(str(path))) == rows
    assert [record for _, record in parse("huggingface", path)[0]] == rows


def test_without_the_library_the_line_that_installs_it_is_told(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"needs datasets. Install it with `pip install .polyhead\[formats\]"):
        parse("huggingface", tmp_path)
    assert importlib.util.find_spec("json") is not None
