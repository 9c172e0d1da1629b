from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from transformers import BertConfig, BertModel

from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import parse_recipe
from polyhead.tasks.classification import Classification
from polyhead.text.tokens import TextTokenizer
from polyhead.training.passes import Passes

DOCUMENT = {
    "encoder": {"name": "none"},
    "tasks": {"topic": {"kind": "classification", "labels": ["a", "b"]}},
    "data": {"train": [{"path": "none"}]},
}


@pytest.fixture
def model(tokenizer: TextTokenizer) -> MultiTaskModel:
    configuration = BertConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    encoder = BertModel(configuration, add_pooling_layer=False)
    tasks = {"topic": Classification(labels=("a", "b"))}
    return MultiTaskModel(encoder=encoder, tokenizer=tokenizer, tasks=tasks, pooling="mean", projection=None)


def passes_of(model: MultiTaskModel) -> Passes:
    recipe = parse_recipe(DOCUMENT, folder=Path(), source="test")
    return Passes(model, model, recipe=recipe, accelerator=Accelerator(cpu=True))


@pytest.mark.parametrize("learns", [True, False])
def test_every_step_finds_the_modes_of_training_whatever_happened_before(model: MultiTaskModel, learns: bool) -> None:  # noqa: FBT001
    model.encoder.requires_grad_(learns)
    passes = passes_of(model)
    batch = model.tokenizer.batch(model.tokenizer.tokenize(["red sky"], words=False))
    for before in (model.train, model.eval, lambda: TorchEngine(model).run(batch, ["topic"]), lambda: None):
        before()
        passes.prepare()
        assert model.training
        assert all(module.training for module in model.heads.modules())
        assert {module.training for module in model.encoder.modules()} == {learns}


def test_what_is_random_in_a_step_follows_from_its_number(model: MultiTaskModel) -> None:
    passes = passes_of(model)
    drawn = []
    for step in (3, 4, 3):
        passes.seed_joining(step, 1)
        drawn.append(torch.rand(2).tolist())
    assert drawn[0] == drawn[2] != drawn[1]
