from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polyhead.data.rows import Rows
from polyhead.model.compact import build_compact
from polyhead.model.multitask import MultiTaskModel
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.tasks.multilabel import Multilabel
from polyhead.tasks.ordinal import Ordinal
from polyhead.tasks.regression import Regression
from polyhead.training.ngrams import weigh_in

RowsOf = Callable[..., Rows]

TOPICS = {"sport": ("goal", "match", "coach"), "food": ("soup", "bread", "salad")}
TASKS: Mapping[str, Task] = {
    "topic": Classification(labels=("food", "sport")),
    "both": Multilabel(labels=("food", "sport")),
    "length": Regression(objective="mse"),
    "stars": Ordinal(labels=("1", "2")),
    "people": Entities(labels=("X",)),
    "watched": Classification(labels=("food", "sport"), weight=0.0),
}


def records(count: int, *, begin: int = 0, words: int = 2) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(begin, begin + count):
        topic = ("food", "sport")[number % 2]
        name = f"{'Ada' if number % 3 else 'Tor'} has"
        text = f"{name} the {TOPICS[topic][number // 2 % 3]} of" + f" day {number}" * (words - 1)
        known = {"topic": topic, "both": [topic], "length": float(number % 2), "stars": 1 + number % 2}
        people = [{"start": 0, "end": 3, "label": "X"}]
        found.append({"text": text, "people": people, "watched": topic, **known})
    return found


def model_for(tasks: Mapping[str, Task], *, max_tokens: int = 64) -> MultiTaskModel:
    texts = [record["text"] for record in records(60)]
    loaded = build_compact(texts, 0, max_tokens=max_tokens, overlap=0.25)
    torch.manual_seed(0)
    return MultiTaskModel(
        encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=tasks, pooling="mean", projection=None
    ).eval()


def logits(model: MultiTaskModel, rows: Rows) -> dict[str, torch.Tensor]:
    batch = model.tokenizer.batch(model.tokenizer.tokenize(rows.passages(np.arange(len(rows)))))
    with torch.no_grad():
        return dict(model(model.tensors(batch)).items())


def loss(model: MultiTaskModel, rows: Rows, name: str) -> float:
    values = rows.values(name, np.arange(len(rows)))
    batch = model.tokenizer.batch(model.tokenizer.tokenize(rows.passages(np.arange(len(rows)))))
    targets = torch.from_numpy(model.tasks[name].targets(values, batch))
    return float(model.tasks[name].loss(logits(model, rows)[name], targets))


def test_they_answer_what_the_network_cannot(rows_of: RowsOf) -> None:
    model = model_for(TASKS)
    dev = rows_of(TASKS, *records(40, begin=60))
    before = {name: loss(model, dev, name) for name in ("topic", "both", "length")}
    shares = weigh_in(model, rows_of(TASKS, *records(60)), dev, seed=0)
    assert set(shares) == set(before)
    assert all(loss(model, dev, name) < 0.5 * before[name] for name in before)
    assert min(shares.values()) > 0.5
    right = logits(model, dev)["topic"].argmax(1) == torch.arange(40) % 2
    assert right.all()


def test_other_tasks_keep_their_answers(rows_of: RowsOf) -> None:
    model = model_for(TASKS)
    dev = rows_of(TASKS, *records(40, begin=60))
    before = logits(model, dev)
    weigh_in(model, rows_of(TASKS, *records(60)), dev, seed=0)
    after = logits(model, dev)
    for name in ("stars", "people", "watched"):
        assert torch.equal(before[name], after[name])


def test_the_loss_on_dev_never_rises(rows_of: RowsOf) -> None:
    tasks = {"topic": TASKS["topic"]}
    model, random = model_for(tasks), np.random.Generator(np.random.PCG64(3))
    noise = [{"text": of["text"], "topic": str(random.choice(("food", "sport")))} for of in records(100)]
    dev = rows_of(tasks, *noise[60:])
    before = loss(model, dev, "topic")
    weigh_in(model, rows_of(tasks, *noise[:60]), dev, seed=0)
    assert loss(model, dev, "topic") <= before


def test_a_task_without_dev_rows_stays_as_it_is(rows_of: RowsOf) -> None:
    tasks = {"topic": TASKS["topic"], "both": TASKS["both"]}
    dev = [{name: value for name, value in record.items() if name != "both"} for record in records(40, begin=60)]
    model = model_for(tasks)
    assert list(weigh_in(model, rows_of(tasks, *records(60)), rows_of(tasks, *dev), seed=0)) == ["topic"]
    assert model.ngrams is not None
    assert list(model.ngrams.outputs) == ["topic"]


@pytest.mark.parametrize(
    ("asked", "words"), [({"people": TASKS["people"]}, 2), ({"topic": TASKS["topic"]}, 60)], ids=["words", "windows"]
)
def test_without_a_text_to_fit_to_there_are_none(rows_of: RowsOf, asked: Mapping[str, Task], words: int) -> None:
    model = model_for(asked, max_tokens=16)
    rows = [rows_of(asked, *records(40, begin=begin, words=words)) for begin in (0, 60)]
    assert weigh_in(model, *rows, seed=0) == {}
    assert model.ngrams is None


def test_the_weights_of_windows_are_not_scaled(rows_of: RowsOf) -> None:
    tasks = {"topic": Classification(labels=("food", "sport"), windows="attention")}
    model = model_for(tasks)
    before = model.head("topic")[1].weight.detach().clone()
    weigh_in(model, rows_of(tasks, *records(60)), rows_of(tasks, *records(40, begin=60)), seed=0)
    after = model.head("topic")[1].weight.detach()
    assert torch.equal(after[2], before[2])
    assert not torch.equal(after[:2], before[:2])
    assert model.ngrams is not None
    assert not model.ngrams.tokens[:, 2].any()


def test_the_same_rows_give_the_same_model_and_a_folder_gives_it_back(rows_of: RowsOf, tmp_path: Path) -> None:
    tasks = {"topic": TASKS["topic"], "people": TASKS["people"]}
    train, dev = rows_of(tasks, *records(60)), rows_of(tasks, *records(40, begin=60))
    first, again = model_for(tasks), model_for(tasks)
    assert weigh_in(first, train, dev, seed=0) == weigh_in(again, train, dev, seed=0)
    expected = logits(first, dev)
    assert torch.equal(logits(again, dev)["topic"], expected["topic"])
    first.save_pretrained(tmp_path / "model")
    opened = logits(MultiTaskModel.from_pretrained(tmp_path / "model"), dev)
    assert all(torch.allclose(opened[name], of, atol=1e-5) for name, of in expected.items())
