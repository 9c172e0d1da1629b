"""Every way of sampling, balancing and sharing trains, and goes on after a break as if there had been none."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import polyhead
from polyhead.errors import MissingExtraError
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import Recipe, parse_recipe
from polyhead.training.checkpoints import CheckpointStore
from polyhead.training.progress import Silent
from polyhead.training.train import train

WORDS = {"sport": ["goal", "match", "team", "coach"], "food": ["soup", "bread", "lunch", "salad"]}
NAMES = ["Ada Brook", "Milo", "Nia Oakes", "Tor"]
# Kinds that keep nothing from step to step are no other here than the plain sum; contracts hold them to their papers.
CASES: list[dict[str, dict[str, Any]]] = [
    *({"sampling": {"kind": kind}} for kind in ("annealed", "dynamic", "round_robin")),
    {"sampling": {"kind": "temperature", "mix": False}},
    *({"balancing": {"kind": kind}} for kind in ("uncertainty", "dwa", "random", "famo", "stch", "gradnorm")),
    *({"balancing": {"kind": kind}} for kind in ("pcgrad", "gradvac", "graddrop", "nash_mtl", "config")),
    {"balancing": {"kind": "upgrad", "at": "parameters"}},
    {"sharing": {"kind": "task_attention"}, "training": {"freeze": "all"}},
    {"sharing": {"kind": "lora", "rank": 2}, "balancing": {"kind": "pcgrad", "at": "parameters"}},
    {"sharing": {"kind": "soft"}, "training": {"layer_decay": 0.5}},
    {"sharing": {"kind": "soft", "tie": "cross_stitch"}, "training": {"freeze": 1}},
    {"balancing": {"kind": "gradnorm"}, "training": {"accumulate": 2, "precision": "bfloat16"}},
    {"balancing": {"kind": "famo"}, "training": {"accumulate": 2}},
    {"balancing": {"kind": "pcgrad"}, "training": {"accumulate": 2, "precision": "bfloat16"}},
]


def rows(count: int) -> str:
    lines: list[str] = []
    for number in range(count):
        topic = ("sport", "food")[number % 2]
        name = NAMES[number % 4]
        row: dict[str, object] = {"text": f"{name} likes the {WORDS[topic][number // 2 % 4]} of day {number}"}
        if number % 3 != 1:
            row["topic"] = topic
        if number % 3 != 2:
            row["people"] = [{"start": 0, "end": len(name), "label": "PERSON"}]
        lines.append(json.dumps(row))
    return "\n".join(lines)


def recipe_in(folder: Path, encoder: Path | str = "compact", **tables: dict[str, Any]) -> Recipe:
    (folder / "train.jsonl").write_text(rows(20))
    (folder / "dev.jsonl").write_text(rows(8))
    document: dict[str, Any] = {
        "encoder": {"name": str(encoder)},
        "tasks": {"topic": {"kind": "classification"}, "people": {"kind": "entities"}},
        "data": {"train": [{"path": "train.jsonl"}], "dev": [{"path": "dev.jsonl"}]},
        **tables,
        "training": {"epochs": 2, "batch_tokens": 96, "learning_rate": 1e-3, **tables.get("training", {})},
    }
    return parse_recipe(document, folder=folder, source="test")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors") | load_file(folder / "heads.safetensors")


@pytest.fixture(params=CASES, ids=lambda case: json.dumps(case).translate(str.maketrans("", "", '{}":')))
def recipe(request: pytest.FixtureRequest, tmp_path: Path, bert_folder: Path) -> Recipe:
    made = recipe_in(tmp_path, bert_folder, **request.param)
    if made.sharing.kind == "lora":
        pytest.importorskip("peft", reason="an extra")
    try:
        made.balancing.begin({"topic": 1.0, "people": 1.0})
    except MissingExtraError:
        pytest.skip("the extra is not installed")
    return made


def test_a_broken_run_ends_bit_identical(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(recipe, output=tmp_path / "whole")
    saved = 0
    save = CheckpointStore.save

    def breaking(store: CheckpointStore, checkpoint: object) -> None:
        nonlocal saved
        save(store, checkpoint)  # type: ignore[arg-type]
        saved += 1
        if saved % 2 == 0:
            raise KeyboardInterrupt

    document = {**recipe.to_document(), "encoder": {"name": recipe.encoder.name}}
    document["training"]["checkpoint_steps"] = 2
    short = parse_recipe(document, folder=tmp_path, source="test")
    broken = tmp_path / "broken"
    for _ in range(40):
        with monkeypatch.context() as patch:
            patch.setattr(CheckpointStore, "save", breaking)
            try:
                train(short, output=broken, resume=broken.exists())
                break
            except KeyboardInterrupt:
                continue
    left, right = weights(whole.folder), weights(broken)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert json.loads((whole.folder / "history.json").read_text()) == json.loads((broken / "history.json").read_text())
    assert all(torch.isfinite(tensor).all() for tensor in left.values())
    assert polyhead.load(broken).predict(["Milo likes soup"])[0]["topic"]


def test_the_shares_of_each_epoch_are_kept_and_logged(tmp_path: Path, bert_folder: Path) -> None:
    pytest.importorskip("tensorboard", reason="an extra")
    recipe = recipe_in(
        tmp_path,
        bert_folder,
        sampling={"kind": "fixed", "parts": {"topic": 4.0}},
        training={"trackers": ["tensorboard"]},
    )
    folder = train(recipe, output=tmp_path / "run").folder
    history = [of for of in json.loads((folder / "history.json").read_text()) if of["epoch"]]
    assert [set(share) for share in history[0]["shares"]] == [{"task", "rows", "share", "passes_per_epoch"}] * 2
    assert all(sum(share["share"] for share in record["shares"]) == pytest.approx(1.0) for record in history)
    assert history[0]["shares"][0]["passes_per_epoch"] > 1 > history[0]["shares"][1]["passes_per_epoch"]
    written = b"".join(path.read_bytes() for path in (folder / "logs").rglob("events*") if path.is_file())
    assert b"share/topic" in written
    assert b"passes_per_epoch/people" in written


def test_conflicts_are_logged_drawn_and_kept(tmp_path: Path, bert_folder: Path) -> None:
    for number, balancing in enumerate([{"kind": "fixed"}, {"kind": "pcgrad"}, {"kind": "pcgrad", "at": "parameters"}]):
        recipe = recipe_in(
            tmp_path, bert_folder, balancing=balancing, training={"log_conflicts": True, "conflict_steps": 2}
        )
        folder = train(recipe, output=tmp_path / f"run{number}").folder
        records = json.loads((folder / "conflicts.json").read_text())
        assert [record["step"] % 2 for record in records] == [1] * len(records)
        assert all(-1.001 <= pair["cosine"] <= 1.001 for record in records for pair in record["pairs"])
        assert {tuple(pair["tasks"]) for record in records for pair in record["pairs"]} == {("topic", "people")}
        assert (folder / "pictures" / "conflicts.png").stat().st_size > 1000


def test_heads_of_texts_begin_at_a_regression_and_never_end_below_it(tmp_path: Path, bert_folder: Path) -> None:
    tasks = {"topic": {"kind": "classification"}}
    for probe in (True, False):
        training = {"freeze": "all", "linear_probe": probe, "head_learning_rate": 0.5}
        recipe = recipe_in(tmp_path, bert_folder, tasks=tasks, training=training)
        result = train(recipe, output=tmp_path / f"run{probe}")
        assert [record["epoch"] for record in result.history] == ([0, 1, 2] if probe else [1, 2])
        assert result.dev is not None
        assert result.dev["tasks"]["topic"]["primary"] == max(record["score"] for record in result.history)
        assert (result.folder / "pictures" / "training.png").exists()


def test_tasks_on_different_rows_are_compared_at_the_weights(tmp_path: Path, bert_folder: Path) -> None:
    """At the token states, which they never share, every cosine would be 0."""
    recipe = recipe_in(tmp_path, bert_folder, balancing={"kind": "pcgrad"}, training={"log_conflicts": True})
    given = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    apart = [{key: row[key] for key in row if key != ("topic", "people")[n // 2 % 2]} for n, row in enumerate(given)]
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in apart))
    notes: list[str] = []
    progress = Silent()
    progress.note = notes.append  # type: ignore[method-assign]
    folder = train(recipe, output=tmp_path / "run", progress=progress).folder
    cosines = [p["cosine"] for record in json.loads((folder / "conflicts.json").read_text()) for p in record["pairs"]]
    assert cosines
    assert all(0 < abs(cosine) < 1 for cosine in cosines)
    assert [note for note in notes if "'pcgrad' will do what the plain sum does" in note]


@pytest.mark.parametrize("freeze", ["embeddings", 1, "all"])
def test_what_is_frozen_stays_as_it_was(tmp_path: Path, bert_folder: Path, freeze: str | int) -> None:
    # Without the probe what is kept has learned in any case, however little it helped.
    training = {"freeze": freeze, "learning_rate": 0.01, "linear_probe": False}
    recipe = recipe_in(tmp_path, bert_folder, training=training)
    before, after = load_file(bert_folder / "model.safetensors"), weights(train(recipe, output=tmp_path / "run").folder)
    changed = {name for name in before if name in after and not torch.equal(before[name], after[name])}
    kept = {"embeddings": ("embeddings.word",), 1: ("embeddings.", "encoder.layer.0."), "all": ("",)}[freeze]
    assert not [name for name in changed if name.startswith(kept)]
    assert bool(changed) == (freeze != "all")


def test_states_of_a_frozen_encoder_are_computed_once(
    tmp_path: Path, bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = 0
    build = MultiTaskModel.build.__func__  # type: ignore[attr-defined]

    def counting(cls: type[MultiTaskModel], *given: Any, **named: Any) -> MultiTaskModel:  # noqa: ANN401
        model = build(cls, *given, **named)

        def count(*_: object) -> None:
            nonlocal passes
            passes += 1

        model.encoder.register_forward_hook(count)
        return model

    monkeypatch.setattr(MultiTaskModel, "build", classmethod(counting))
    found = []
    for epochs in (1, 6):
        passes = 0
        train(
            recipe_in(tmp_path, bert_folder, training={"freeze": "all", "epochs": epochs}),
            output=tmp_path / f"{epochs}",
        )
        found.append(passes)
    assert found[0] == found[1]
