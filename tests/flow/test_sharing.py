"""Every way of sharing with every kind of task: trained, scored, saved, opened, exported and asked."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyhead
from polyhead import registry
from polyhead.export.exporting import export_model
from polyhead.model.describe import describe_model
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import parse_recipe
from polyhead.text.tokens import Passage

NAMES = ["Ada Brook", "Milo Stone", "Nia Oakes"]
TASKS: dict[str, dict[str, Any]] = {
    "topic": {"kind": "classification", "windows": "attention"},
    "same": {"kind": "classification"},
    "moods": {"kind": "multilabel"},
    "length": {"kind": "regression"},
    "stars": {"kind": "ordinal", "labels": ["1", "2", "3"]},
    "pos": {"kind": "tagging", "subwords": "mean"},
    "people": {"kind": "entities"},
    "chain": {"kind": "entities", "decoder": "crf"},
    "nested": {"kind": "entities", "decoder": "span", "max_words": 3},
    "meaning": {"kind": "embedding"},
}
GROUPS = {"texts": ["topic", "same", "moods", "length", "stars"], "words": ["pos", "people", "chain", "nested"]}
LORA = {"kind": "lora", "rank": 2, "groups_of": GROUPS}
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "task_attention": ({"sharing": {"kind": "task_attention"}, "balancing": {"kind": "pcgrad"}}, 1),
    "lora": ({"sharing": LORA, "balancing": {"kind": "uncertainty"}}, 3),
    "l2": ({"sharing": {"kind": "soft"}}, 10),
    "cross_stitch": ({"sharing": {"kind": "soft", "tie": "cross_stitch"}}, 10),
    "frozen": ({"training": {"freeze": "all"}, "sampling": {"kind": "round_robin"}}, 1),
}
LONG = " ".join(["Nia Oakes raged again."] * 12)
ASKED = ["Milo Stone raged", LONG, "", Passage("Ada Brook slept", "Somebody else")]


def row(number: int) -> dict[str, Any]:
    name, mood = NAMES[number % 3], ("calm", "angry")[number % 2]
    times = number % 3 + 1
    tokens = [*name.split(), "slept" if mood == "calm" else "raged", *["again"] * times]
    person = {"start": 0, "end": len(name), "label": "PERSON"}
    first = {"start": 0, "end": name.index(" "), "label": "FIRST"}
    found: dict[str, Any] = {"tokens": tokens, "people": [person], "chain": [person], "nested": [person, first]}
    found |= {"topic": mood, "moods": [mood], "length": float(times), "stars": times}
    found["pos"] = ["N", "N", "V", *["A"] * times]
    if number % 3 == 0:
        return found | {"text_pair": f"{name} again", "same": ("yes", "no")[number % 2], "meaning": times / 3}
    return found | {"meaning": {"positive": f"{name} again", "negative": "nothing at all"}}


def recipe_in(folder: Path, encoder: Path, tables: dict[str, Any]) -> polyhead.Recipe:
    for split, numbers in (("train", range(18)), ("dev", range(18, 27))):
        rows = [row(number) for number in numbers]
        text = " ".join(rows[1].pop("tokens")[:3])
        # A text that is read in windows, and is labelled for a part of the tasks.
        rows[1] = {"text": LONG, "topic": "angry", "meaning": {"positive": text, "negative": LONG}}
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    document = {
        "encoder": {"name": str(encoder), "max_tokens": 20, "projection": 16},
        "tasks": TASKS,
        "data": {"train": [{"path": "train.jsonl"}], "dev": [{"path": "dev.jsonl"}]},
        **tables,
        "training": {"epochs": 1, "batch_tokens": 160, "learning_rate": 1e-3, **tables.get("training", {})},
    }
    return parse_recipe(document, folder=folder, source="test")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[dict[str, Any], int]:
    tables, passes = CASES[request.param]
    needed = {"task_attention": "torchjd", "lora": "peft"}.get(request.param)
    if needed is not None:
        pytest.importorskip(needed, reason="an extra")
    return tables, passes


def test_the_recipe_has_every_kind() -> None:
    assert {settings["kind"] for settings in TASKS.values()} == set(registry.kinds("tasks"))


@pytest.mark.slow
def test_a_model_of_every_kind_of_task_answers_alike_with_every_engine(
    case: tuple[dict[str, Any], int], tmp_path: Path, bert_folder: Path
) -> None:
    tables, passes = case
    folder = polyhead.train(recipe_in(tmp_path, bert_folder, tables), output=tmp_path / "model").folder
    scores = json.loads((folder / "metrics.json").read_text())["dev"]["tasks"]
    assert set(scores) == set(TASKS)
    assert all(0.0 <= task["primary"] <= 1.0 and task["rows"] for task in scores.values())
    assert describe_model(MultiTaskModel.from_pretrained(folder)).passes == passes

    exported = export_model(folder)
    assert exported.parity.holds
    torch, onnx = (polyhead.load(folder, engine=engine) for engine in ("torch", "onnx"))
    for ours, theirs in zip(torch.predict(ASKED), onnx.predict(ASKED), strict=True):
        left, right = ours.to_json(), theirs.to_json()
        assert (left["windows"], left["tasks"].keys()) == (right["windows"], right["tasks"].keys())
        assert left["tasks"]["topic"]["scores"] == pytest.approx(right["tasks"]["topic"]["scores"], abs=1e-3)
        assert left["tasks"]["meaning"]["vector"] == pytest.approx(right["tasks"]["meaning"]["vector"], abs=1e-3)
    assert np.allclose(torch.embed(ASKED), onnx.embed(ASKED), atol=1e-3)
    # Asked alone, the embedding is there too.
    (alone,) = torch.predict(["Milo Stone raged"], ["meaning"])
    assert np.allclose(alone["meaning"].vector, torch.embed(["Milo Stone raged"])[0], atol=1e-5)
