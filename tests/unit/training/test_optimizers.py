from pathlib import Path

import pytest
import torch

from polyhead.model.encoder import load_encoder
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import EncoderSettings, TrainingSettings
from polyhead.tasks.classification import Classification
from polyhead.training.defaults import resolve
from polyhead.training.optimizers import build_optimizer, learning_rate_factor, set_learning_rate


@pytest.mark.parametrize(("progress", "factor"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)])
def test_the_rate_rises_through_the_warm_up_and_falls_to_zero(progress: float, factor: float) -> None:
    assert learning_rate_factor(progress, warmup=0.1) == pytest.approx(factor)


def test_without_warm_up_training_begins_at_the_peak() -> None:
    assert learning_rate_factor(0.0, warmup=0.0) == 1.0


def test_each_group_keeps_its_own_peak() -> None:
    one, two = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.AdamW([{"params": [one], "peak": 1e-3}, {"params": [two], "peak": 1e-2}])
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [5e-4, 5e-3]


def test_each_layer_learns_more_slowly_than_the_one_above_it(bert_folder: Path) -> None:
    loaded = load_encoder(EncoderSettings(name=str(bert_folder)), folder=Path())
    model = MultiTaskModel(
        encoder=loaded.module,
        tokenizer=loaded.tokenizer,
        tasks={"topic": Classification(labels=("a", "b"))},
        pooling="mean",
        projection=None,
    )
    training = TrainingSettings(learning_rate=1.0, head_learning_rate=5.0, layer_decay=0.5)
    settings = resolve(training, EncoderSettings(name="x"), tokens=[1], width=32)
    peaks = {
        id(weight): group["peak"]
        for group in build_optimizer(model, settings).param_groups
        for weight in group["params"]
    }
    encoder = loaded.module
    found = [encoder.embeddings.word_embeddings.weight]
    found += [layer.attention.self.query.weight for layer in encoder.encoder.layer]
    assert [peaks[id(weight)] for weight in found] == [0.25, 0.5, 1.0]
    assert {peaks[id(weight)] for weight in model.heads.parameters()} == {5.0}
