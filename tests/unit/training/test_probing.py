from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from polyhead.model.encoder import load_encoder
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import EncoderSettings
from polyhead.sharing.base import Sharing
from polyhead.sharing.task_attention import TaskAttention
from polyhead.spans import Floats
from polyhead.tasks.base import HeadTask, Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.tasks.multilabel import Multilabel
from polyhead.tasks.ordinal import Ordinal
from polyhead.tasks.regression import Regression
from polyhead.training.probing import probe
from polyhead.training.steps import Labelled, Targets

TEXTS = [f"{subject} {verb} the {thing}" for subject in ("Maria", "Nobody") for verb in ("sold", "froze") for thing in
         ("ferry", "mill", "parcel", "engine", "match", "week")]  # fmt: skip
CHOICES = np.arange(len(TEXTS)) // 2 % 3


def model_of(folder: Path, task: Task, sharing: Sharing | None = None) -> MultiTaskModel:
    loaded = load_encoder(EncoderSettings(name=str(folder)), folder=Path())
    torch.manual_seed(0)
    tasks = {"asked": task, "names": Entities(labels=("X",))}
    return MultiTaskModel(
        encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=tasks, pooling="mean", projection=None, sharing=sharing
    )


def batches(model: MultiTaskModel, values: np.ndarray[Any, Any]) -> Iterator[Labelled]:
    for begin in range(0, len(TEXTS), 10):
        part = slice(begin, begin + 10)
        batch = model.tokenizer.batch(model.tokenizer.tokenize(TEXTS[part], words=False))
        rows = len(batch.ids)
        targets = Targets(values[part], count=rows, begin=0, end=rows, tokens=batch.ids.shape[1])
        yield Labelled(batch, None, {"asked": targets})


def embeddings(model: MultiTaskModel) -> Floats:
    batch = model.tokenizer.batch(model.tokenizer.tokenize(TEXTS, words=False))
    with torch.inference_mode():
        return model.eval()(model.tensors(batch), ()).embedding.numpy()


def logits(model: MultiTaskModel) -> Floats:
    with torch.inference_mode():
        return model.head("asked")(torch.from_numpy(embeddings(model))).numpy()


def test_a_classification_begins_at_the_logistic_regression_of_scikit_learn(bert_folder: Path) -> None:
    model = model_of(bert_folder, Classification(labels=("a", "b", "c"), dropout=0.5))
    assert probe(model, batches(model, CHOICES)) == ["asked"]
    theirs = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(embeddings(model), CHOICES)
    ours = torch.from_numpy(logits(model)).softmax(-1).numpy()
    np.testing.assert_allclose(ours, theirs.predict_proba(embeddings(model)), atol=2e-3)


def test_a_regression_begins_at_the_ridge_regression_of_scikit_learn(bert_folder: Path) -> None:
    model = model_of(bert_folder, Regression(objective="mse"))
    wanted = CHOICES.astype(np.float32)[:, None]
    assert probe(model, batches(model, wanted)) == ["asked"]
    theirs = Ridge(alpha=0.5).fit(embeddings(model), wanted)
    np.testing.assert_allclose(logits(model)[:, 0], theirs.predict(embeddings(model)).ravel(), atol=2e-3)


@pytest.mark.parametrize(
    ("task", "values"),
    [
        (Ordinal(labels=("low", "middle", "high")), CHOICES),
        (Multilabel(labels=("a", "b", "c")), np.eye(3, dtype=np.float32)[CHOICES]),
        (Classification(labels=("a", "b", "c"), head="mlp"), CHOICES),
    ],
    ids=lambda of: type(of).__name__,
)
def test_every_head_of_a_text_can_begin_so(bert_folder: Path, task: HeadTask, values: np.ndarray[Any, Any]) -> None:
    model, before = model_of(bert_folder, task), model_of(bert_folder, task)

    def loss(of: MultiTaskModel) -> float:
        kind = cast("HeadTask", of.trained_tasks()["asked"])
        return float(kind.loss(torch.from_numpy(logits(of)), torch.from_numpy(values)))

    assert probe(model, batches(model, values)) == ["asked"]
    assert loss(model) < loss(before)


def test_the_encoder_and_heads_of_words_stay_as_they_are(bert_folder: Path) -> None:
    task = Classification(labels=("a", "b", "c"))
    model, before = model_of(bert_folder, task), model_of(bert_folder, task)
    probe(model, batches(model, CHOICES))
    changed = {
        name
        for (name, now), then in zip(model.named_parameters(), before.parameters(), strict=True)
        if not torch.equal(now, then)
    }
    assert changed == {name for name, _ in model.named_parameters() if name.startswith("heads.task_asked")}
    assert all(weight.grad is None for weight in model.parameters())


def test_heads_that_read_tokens_in_their_own_way_are_left_alone(bert_folder: Path) -> None:
    model = model_of(bert_folder, Classification(labels=("a", "b", "c")), TaskAttention())
    assert probe(model, batches(model, CHOICES)) == []
