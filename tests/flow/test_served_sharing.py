"""Models whose tasks share less than everything, behind HTTP: each request gets what the predictor says."""
# ruff: noqa: ANN401  what JSON holds has no type here

import asyncio
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import polyhead
from polyhead.export.exporting import export_model
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import parse_recipe
from polyhead.serving.app import Access, create_app

STAND_IN = Path(__file__).parents[1] / "stand_ins" / "keyword_server.py"
TEXTS = ["Fetch Rewards is America's number one app", "", "🙂 Zoë opened a café", "東京", "word " * 300, "Ada slept"]
TASKS: dict[str, dict[str, Any]] = {
    "topic": {"kind": "classification", "labels": ["a", "b", "c"]},
    "mood": {"kind": "classification", "labels": ["calm", "angry"]},
    "people": {"kind": "entities", "labels": ["PERSON"]},
}
SHARING: dict[str, dict[str, Any]] = {
    "task_attention": {"kind": "task_attention"},
    "lora": {"kind": "lora", "rank": 2, "groups_of": {"texts": ["topic", "mood"], "words": ["people"]}},
    "soft": {"kind": "soft"},
}


def make_service_of(folder: Path) -> Any:
    specification = importlib.util.spec_from_file_location("keyword_server", STAND_IN)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.make_service([str(folder)], loader=partial(polyhead.load, engine="onnx", threads=1))


@pytest.fixture(params=SHARING)
def folder(request: pytest.FixtureRequest, tmp_path: Path, bert_folder: Path) -> Path:
    needed = {"task_attention": "torchjd", "lora": "peft"}.get(request.param)
    if needed is not None:
        pytest.importorskip(needed, reason="an extra")
    document = {
        "encoder": {"name": str(bert_folder)},
        "tasks": TASKS,
        "data": {"train": [{"path": "none.jsonl"}]},
        "sharing": SHARING[request.param],
    }
    recipe = parse_recipe(document, folder=Path(), source="test")
    made = tmp_path / "news"
    MultiTaskModel.build(recipe, tasks=recipe.tasks, texts=TEXTS).save_pretrained(made)
    export_model(made)
    return made


def test_requests_for_different_tasks_share_passes_and_get_the_predictors_answers(folder: Path) -> None:
    predictor, service = polyhead.load(folder, engine="onnx"), make_service_of(folder)
    asyncio.run(service.open_models())
    asked = [(text, tasks) for text in TEXTS for tasks in (["topic"], ["people"], ["mood", "people"], list(TASKS))]
    with TestClient(create_app(service, Access())) as client, ThreadPoolExecutor(8) as callers:
        bodies = ({"texts": [text], "tasks": tasks} for text, tasks in asked)
        found = [response.json() for response in callers.map(lambda body: client.post("/predict", json=body), bodies)]
    for (text, tasks), document in zip(asked, found, strict=True):
        (wanted,) = predictor.predict([text], tasks)
        assert alike(document["answers"], [wanted.to_json()])


def alike(found: Any, wanted: Any) -> bool:
    """Compare, with room for the last digits of numbers: beside other texts in a pass they may differ."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(alike(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(alike, found, wanted))
    return found == (pytest.approx(wanted, abs=1e-4) if isinstance(wanted, float) else wanted)
