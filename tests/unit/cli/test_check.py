import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data import lint

Run = Callable[..., Any]

RECIPE = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[[data.train]]
path = "train.jsonl"
[[data.dev]]
path = "dev.jsonl"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    rows = [{"text": f"number {number}", "topic": "ab"[number % 2]} for number in range(10)]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "dev.jsonl").write_text('{"text": "of dev", "topic": "a"}\n')
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def add(recipe: Path, *lines: str) -> None:
    with (recipe.parent / "train.jsonl").open("a") as file:
        file.write("\n" + "\n".join(lines))


def test_clean_rows_are_counted(run: Run, recipe: Path) -> None:
    finished = run("check", recipe)
    assert finished.status == 0
    assert "0 faults, 0 warnings." in finished.out
    assert "rows in all" in finished.out


def test_faults_are_listed_with_their_places_and_leave_with_one(run: Run, recipe: Path) -> None:
    add(recipe, '{"text": "broken', '{"text": "fine", "topic": 3}')
    finished = run("check", recipe)
    assert finished.status == 1
    assert "fault: train.jsonl:11: " in finished.out
    assert "fault: train.jsonl:12: " in finished.out
    assert "2 faults" in finished.out


def test_words_that_are_not_the_tokenizer_s_are_told(run: Run, recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "ALIGNED_ROWS", 5)
    add(recipe, *(json.dumps({"text": "Ada ran", "people": [{"start": 0, "end": 3, "label": "X"}]}) for _ in range(5)))
    said = "Spans of train were held to the words of the texts, not to those of the tokenizer: more than 5 rows."
    assert said not in run("check", recipe).out
    recipe.write_text(recipe.read_text() + '[tasks.people]\nkind = "entities"\n')
    assert said in run("check", recipe).out


def test_warnings_leave_with_zero(run: Run, recipe: Path) -> None:
    add(recipe, '{"text": "once", "topic": "seldom"}')
    finished = run("check", recipe)
    assert finished.status == 0
    assert "warning: train.jsonl:11: " in finished.out
    assert "0 faults, 1 warning." in finished.out


def test_json_is_one_document_and_nothing_else(run: Run, recipe: Path) -> None:
    add(recipe, '{"text": "broken')
    finished = run("check", recipe, "--json")
    assert finished.status == 1
    document = json.loads(finished.out)
    assert (document["faults"], document["findings"][0]["where"]) == (1, "train.jsonl:11")
    assert finished.err == ""


def test_a_key_may_be_overridden(run: Run, recipe: Path) -> None:
    finished = run("check", recipe, "--set", "tasks.topic.labels=['a', 'b', 'c']", "--json")
    assert set(json.loads(finished.out)["tasks"]["topic"]["labels"]) == {"a", "b", "c"}


def test_a_wrong_recipe_leaves_with_two_and_all_its_faults(run: Run, recipe: Path) -> None:
    finished = run("check", recipe, "--set", "training.epoch=3", "--set", "encoder.pooling=meen", "--json")
    assert finished.status == 2
    assert finished.out == ""
    assert "2 faults" in finished.err
    assert "did you mean" in finished.err


def test_many_findings_and_labels_are_cut_short_for_people(run: Run, recipe: Path) -> None:
    add(recipe, *(json.dumps({"text": f"row {number}", "topic": f"label {number}"}) for number in range(150)))
    finished = run("check", recipe)
    assert "… and 50 more; --json lists all." in finished.out
    assert "… and 112 more" in finished.out


def test_the_table_tells_lengths_imbalance_and_windows(run: Run, recipe: Path) -> None:
    add(recipe, json.dumps({"text": "many words " * 40, "topic": "a"}))
    finished = run("check", recipe, "--set", "encoder.max_tokens=16")
    assert "over 16" in finished.out
    assert "1.2 : 1" in finished.out
    table = json.loads(run("check", recipe, "--set", "encoder.max_tokens=16", "--json").out)["tasks"]["topic"]
    assert table["lengths"]["windowed"] == 1
    assert table["lengths"]["longest"] >= 80


def test_an_encoder_that_cannot_be_reached_is_told_and_words_are_counted(run: Run, recipe: Path) -> None:
    finished = run("check", recipe, "--set", "encoder.name=no-such/encoder")
    assert finished.status == 0
    assert (
        "Lengths are in words and not in tokens: the tokenizer of 'no-such/encoder' cannot be had here" in finished.out
    )
    assert "words (half" in finished.out
    assert json.loads(run("check", recipe, "--set", "encoder.name=no-such/encoder", "--json").out)["note"]


def test_a_local_encoder_counts_without_its_weights(run: Run, recipe: Path, raw_tokenizers: dict[str, str]) -> None:
    folder = recipe.parent / "encoder"
    folder.mkdir()
    (folder / "tokenizer.json").write_text(raw_tokenizers["wordpiece"])
    (folder / "config.json").write_text('{"max_position_embeddings": 12}')
    document = json.loads(run("check", recipe, "--set", "encoder.name=encoder", "--json").out)
    assert (document["measured_in"], document["max_tokens"], document["note"]) == ("tokens", 12, "")
    (folder / "tokenizer.json").write_text("{}")
    assert json.loads(run("check", recipe, "--set", "encoder.name=encoder", "--json").out)["measured_in"] == "words"


def test_fix_writes_a_new_file_beside_the_old(run: Run, recipe: Path) -> None:
    add(recipe, '{"text": "twice", "topic": "a"}', '{"text": "twice", "topic": "a"}')
    before = (recipe.parent / "train.jsonl").read_bytes()
    finished = run("check", recipe, "--fix")
    assert finished.status == 0
    assert "train.jsonl: 1 rows that repeat another in every field" in finished.err
    assert "dev.jsonl: nothing that can be mended safely" in finished.err
    assert (recipe.parent / "train.jsonl").read_bytes() == before
    assert len((recipe.parent / "train.fixed.jsonl").read_text().splitlines()) == 11
    again = run("check", recipe, "--fix")
    assert again.status == 2
    assert "nothing is ever written over" in again.err


def test_fix_leaves_a_file_with_broken_lines_alone(run: Run, recipe: Path) -> None:
    add(recipe, "broken")
    finished = run("check", recipe, "--fix")
    assert finished.status == 1
    assert "train.jsonl was not fixed: these lines would be lost" in finished.err
