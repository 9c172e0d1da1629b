"""New tasks beside old ones, whose answers stay what they are to the bit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from polyhead.errors import FolderError, UsageError
from polyhead.folder import read_manifest
from polyhead.model.encoder import load_encoder
from polyhead.model.engine import TorchEngine
from polyhead.model.growing import grown, new_heads
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.ngrams import bag_for
from polyhead.recipe import EncoderSettings
from polyhead.registry import find
from polyhead.runtime.predictor import Predictor
from polyhead.sharing.hard import Hard
from polyhead.sharing.task_attention import TaskAttention
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.embedding import Embedding
from polyhead.tasks.entities import Entities
from polyhead.tasks.multilabel import Multilabel

Grow = Callable[..., MultiTaskModel]
OLD: Mapping[str, Task] = {"topic": Classification(labels=("a", "b")), "names": Entities(labels=("X", "Y"))}
NEW: Mapping[str, Task] = {
    "mood": Classification(labels=("c", "d", "e"), head="mlp"),
    "places": Entities(labels=("Z",)),
    "tags": Multilabel(labels=("f", "g")),
}
WAYS = {
    "plain": {},
    "projection": {"projection": 24},
    "attention pooling": {"pooling": "attention", "projection": 24},
    "task attention": {"sharing": TaskAttention(heads=2)},
}


def shaken(model: MultiTaskModel) -> MultiTaskModel:
    """Give every weight beside the encoder a value of its own, so that none is what it began with."""
    torch.manual_seed(len(model.tasks))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if not name.startswith("encoder."):
                weight.copy_(torch.randn_like(weight))
    return model


@pytest.fixture(params=WAYS)
def base(request: pytest.FixtureRequest, tmp_path: Path, bert_folder: Path) -> Path:
    """The folder of a model with two tasks, one of them with n-grams."""
    loaded = load_encoder(EncoderSettings(name=str(bert_folder)), folder=Path())
    settings: dict[str, Any] = {"pooling": "mean", "projection": None, "sharing": Hard(), **WAYS[request.param]}
    model = MultiTaskModel(encoder=loaded.module, tokenizer=loaded.tokenizer, tasks=OLD, **settings)
    model.ngrams = bag_for(OLD, ("topic",), vocabulary=loaded.tokenizer.vocabulary_size)
    assert model.ngrams is not None
    for buffer in (model.ngrams.tokens, model.ngrams.pairs, model.ngrams.bias):
        buffer.normal_()
    for squares in (model.ngrams.token_squares, model.ngrams.pair_squares):
        squares.fill_(1.0)
    shaken(model).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def answers(model: MultiTaskModel, texts: tuple[str, ...], names: tuple[str, ...]) -> list[Any]:
    predictor = Predictor(tasks=model.trained_tasks(), tokenizer=model.tokenizer, engine=TorchEngine(model))
    return [answer.to_json()["tasks"] for answer in predictor.predict(texts, names)]


def logits(model: MultiTaskModel, texts: tuple[str, ...], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    outputs = TorchEngine(model).run(model.tokenizer.batch(model.tokenizer.tokenize(texts)), names)
    return {**outputs.logits, "embedding": outputs.embedding}


def same_bits(left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> bool:
    return left.keys() == right.keys() and all(left[name].tobytes() == right[name].tobytes() for name in left)


def test_old_answers_stay_to_the_bit(base: Path, sentences: tuple[str, ...]) -> None:
    before = MultiTaskModel.from_pretrained(base)
    added = shaken(new_heads(base, NEW, seed=0))
    # The pooling and the projection are the model's; shaking them is what training must not do.
    added.load_state_dict(
        {n: w for n, w in before.state_dict().items() if n.startswith(("pool", "proj"))}, strict=False
    )
    whole = grown(base, added)
    assert list(whole.tasks) == [*OLD, *NEW]
    old, new = tuple(OLD), tuple(NEW)
    assert same_bits(logits(whole, sentences, old), logits(before, sentences, old))
    assert same_bits(logits(whole, sentences, new), logits(added, sentences, new))
    assert answers(whole, sentences, old) == answers(before, sentences, old)


def test_a_grown_model_survives_its_folder(base: Path, tmp_path: Path, sentences: tuple[str, ...]) -> None:
    whole = grown(base, new_heads(base, NEW, seed=0))
    whole.save_pretrained(tmp_path / "grown")
    again = MultiTaskModel.from_pretrained(tmp_path / "grown")
    names = (*OLD, *NEW)
    assert same_bits(logits(again, sentences, names), logits(whole, sentences, names))
    assert read_manifest(tmp_path / "grown").encoder_sha256 == read_manifest(base).encoder_sha256
    assert read_manifest(tmp_path / "grown").ngrams == ("topic",)


def test_a_grown_model_grows_again(base: Path, tmp_path: Path, sentences: tuple[str, ...]) -> None:
    first = grown(base, new_heads(base, {"mood": NEW["mood"]}, seed=0))
    first.save_pretrained(tmp_path / "first")
    second = grown(tmp_path / "first", new_heads(tmp_path / "first", {"tags": NEW["tags"]}, seed=0))
    assert list(second.tasks) == ["topic", "names", "mood", "tags"]
    names = ("topic", "names", "mood")
    assert same_bits(logits(second, sentences, names), logits(first, sentences, names))


def test_only_what_is_new_learns(base: Path) -> None:
    added = new_heads(base, NEW, seed=0)
    learns = {name.split(".")[0] for name, weight in added.named_parameters() if weight.requires_grad}
    assert learns in ({"heads"}, {"heads", "branches"})
    stays = {name.split(".")[0] for name, weight in added.named_parameters() if not weight.requires_grad}
    assert stays <= {"encoder", "pooling", "projection"}


def test_pooling_and_projection_are_those_of_the_model(base: Path, sentences: tuple[str, ...]) -> None:
    before, added = MultiTaskModel.from_pretrained(base), new_heads(base, NEW, seed=0)
    assert logits(before, sentences, ())["embedding"].tobytes() == logits(added, sentences, ())["embedding"].tobytes()


def test_the_seed_fixes_the_heads(base: Path) -> None:
    one, same, other = (new_heads(base, NEW, seed=seed).head("mood").state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_a_name_that_is_taken_is_refused(base: Path) -> None:
    with pytest.raises(UsageError, match=r"has 'topic' already"):
        new_heads(base, {"topic": NEW["mood"], "mood": NEW["mood"]}, seed=0)


def test_a_task_without_a_head_is_refused(base: Path) -> None:
    with pytest.raises(UsageError, match=r"head of its own.* Found 'likeness'"):
        new_heads(base, {"likeness": Embedding()}, seed=0)


@pytest.mark.parametrize("kind", ["lora", "soft"])
def test_a_model_with_encoders_for_each_task_does_not_grow(tmp_path: Path, bert_folder: Path, kind: str) -> None:
    if kind == "lora":
        pytest.importorskip("peft")
    loaded = load_encoder(EncoderSettings(name=str(bert_folder)), folder=Path())
    MultiTaskModel(
        encoder=loaded.module,
        tokenizer=loaded.tokenizer,
        tasks=OLD,
        pooling="mean",
        projection=None,
        sharing=find("sharing", kind)(),
    ).save_pretrained(tmp_path / "base")
    with pytest.raises(UsageError, match=f"shares by '{kind}'"):
        new_heads(tmp_path / "base", NEW, seed=0)


def test_a_folder_that_was_altered_is_refused(base: Path) -> None:
    weights = load_file(base / "heads.safetensors")
    (base / "heads.safetensors").write_bytes(b"other")
    assert weights
    with pytest.raises(FolderError, match="altered"):
        new_heads(base, NEW, seed=0)
