import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from polyhead.model.describe import describe_model, describe_recipe
from polyhead.model.encoder import load_encoder
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import DataSource, DataSources, EncoderSettings, Recipe
from polyhead.registry import find, kinds
from polyhead.runtime.predictor import Predictor
from polyhead.sharing.base import Sharing
from polyhead.sharing.lora import LowRank
from polyhead.sharing.soft import Soft
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

TASKS: Mapping[str, Task] = {
    "topic": Classification(labels=("travel", "other"), head="mlp"),
    "mood": Classification(labels=("good", "bad", "none")),
    "people": Entities(labels=("PERSON",)),
}
WAYS = {kind: find("sharing", kind)() for kind in kinds("sharing")}
WAYS |= {
    "cross_stitch": Soft(tie="cross_stitch"),
    "lora groups": LowRank(rank=2, groups_of={"text": ("topic", "mood")}),
}


@pytest.fixture(params=WAYS)
def sharing(request: pytest.FixtureRequest) -> Sharing:
    for kind, package in {"lora": "peft"}.items():
        if WAYS[request.param].kind == kind:
            pytest.importorskip(package, reason="an extra")
    return WAYS[request.param]


@pytest.fixture(params=["bert", "gpt_neo"])
def folder(request: pytest.FixtureRequest, bert_folder: Path, gpt_neo_folder: Path) -> Path:
    return {"bert": bert_folder, "gpt_neo": gpt_neo_folder}[request.param]


@pytest.fixture
def model(folder: Path, sharing: Sharing) -> MultiTaskModel:
    loaded = load_encoder(EncoderSettings(name=str(folder)), folder=Path())
    torch.manual_seed(5)
    made = MultiTaskModel(
        encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=TASKS, pooling="mean", projection=12, sharing=sharing
    )
    with torch.no_grad():
        for weight in (*made.branches.parameters(), *made.branches.private_parameters(made.encoder)):
            weight.add_(torch.randn_like(weight) * 0.05)
    return made.eval()


def predictor(model: MultiTaskModel) -> Predictor:
    return Predictor(tasks=model.tasks, tokenizer=model.tokenizer, engine=TorchEngine(model))


def test_sharing_never_costs_more_than_separate_encoders(sharing: Sharing) -> None:
    for count in (1, 2, 10):
        assert 1 <= sharing.passes([f"task{number}" for number in range(count)]) <= count


def test_more_tasks_never_cost_less(sharing: Sharing) -> None:
    costs = [sharing.passes([f"task{number}" for number in range(count)]) for count in range(1, 10)]
    assert costs == sorted(costs)


def test_every_task_is_in_one_group(sharing: Sharing) -> None:
    assert sorted(task for group in sharing.groups(list(TASKS)) for task in group) == sorted(TASKS)


def test_the_record_is_frozen(sharing: Sharing) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        sharing.kind = "other"


def test_a_folder_answers_as_the_model_did(model: MultiTaskModel, sentences: tuple[str, ...], tmp_path: Path) -> None:
    before = predictor(model)
    model.save_pretrained(tmp_path / "model")
    loaded = MultiTaskModel.from_pretrained(tmp_path / "model")
    assert loaded.sharing == model.sharing
    after = predictor(loaded)
    for one, other in zip(before.predict(sentences), after.predict(sentences), strict=True):
        assert one.to_json() == other.to_json()
    assert (before.embed(sentences) == after.embed(sentences)).all()


def test_the_folder_is_still_a_sentence_transformer(
    model: MultiTaskModel, sentences: tuple[str, ...], tmp_path: Path
) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="only the tests use it")
    model.save_pretrained(tmp_path / "model")
    theirs = sentence_transformers.SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(list(sentences))
    assert abs(theirs - predictor(model).embed(sentences)).max() < 1e-5


def test_a_task_asked_alone_is_answered_as_among_others(model: MultiTaskModel, sentences: tuple[str, ...]) -> None:
    together = predictor(model).predict(sentences)
    for task in TASKS:
        alone = predictor(model).predict(sentences, [task])
        assert [answer[task].to_json()["kind"] for answer in alone] == [TASKS[task].kind] * len(sentences)
        batch = model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(sentences[:4])))
        with torch.no_grad():
            every, own = model(batch), model(batch, [task])
        assert torch.allclose(every[task], own[task], atol=1e-5)
    assert len(together) == len(sentences)


def test_padding_changes_no_answer(model: MultiTaskModel, sentences: tuple[str, ...]) -> None:
    tokenized = model.tokenizer.tokenize(sentences)
    short = min(tokenized, key=len)
    with torch.no_grad():
        alone = model(model.tensors(model.tokenizer.batch([short])))
        padded = model(model.tensors(model.tokenizer.batch([max(tokenized, key=len), short])))
    for task in TASKS:
        logits = padded[task][1] if TASKS[task].level == "text" else padded[task][1, : len(short)]
        assert torch.allclose(alone[task][0], logits, atol=1e-4)


def test_every_weight_that_is_added_learns(model: MultiTaskModel, sentences: tuple[str, ...]) -> None:
    model.train()
    outputs = model(model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(sentences[:4]))))
    sum(logits.square().mean() for _, logits in outputs.items()).backward()
    added = list(model.branches.parameters()) + list(model.branches.private_parameters(model.encoder))
    assert all(weight.grad is not None for weight in added)
    assert all(torch.isfinite(weight.grad).all() for weight in added if weight.grad is not None)


def test_what_a_text_costs_is_what_is_told(model: MultiTaskModel, sharing: Sharing) -> None:
    described = describe_model(model)
    assert described.passes == sharing.passes(list(TASKS)) == model.branches.passes(tuple(TASKS))
    assert described.together == sum(weight.numel() for weight in model.parameters())


def test_a_recipe_is_described_as_the_model_it_makes(model: MultiTaskModel, folder: Path, sharing: Sharing) -> None:
    recipe = Recipe(
        encoder=EncoderSettings(name=str(folder), projection=12),
        tasks=TASKS,
        data=DataSources(train=(DataSource(path="none"),)),
        sharing=sharing,
    )
    assert describe_recipe(recipe, tasks=TASKS) == describe_model(model)
