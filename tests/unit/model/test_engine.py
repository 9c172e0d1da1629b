from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from polyhead.errors import UsageError
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.text.tokens import TokenBatch

Make = Callable[..., MultiTaskModel]


def batch_of(model: MultiTaskModel, texts: Sequence[str], *, words: bool = True) -> TokenBatch:
    return model.tokenizer.batch(model.tokenizer.tokenize(texts, words=words))


@pytest.mark.parametrize("family", ["bert", "gpt_neo"])
def test_the_engine_gives_float32_arrays_of_the_tasks_that_were_asked(
    make_model: Make, texts: Sequence[str], family: str
) -> None:
    model = make_model(family, projection=24)
    batch = batch_of(model, texts)
    outputs = TorchEngine(model).run(batch, ["entities"])
    assert list(outputs.logits) == ["entities"]
    assert outputs.logits["entities"].shape == (len(texts), batch.ids.shape[1], 9)
    assert outputs.embedding.shape == (len(texts), 24)
    assert {outputs.embedding.dtype, outputs.logits["entities"].dtype} == {np.dtype(np.float32)}


def test_no_task_at_all_gives_the_embedding(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert")
    batch = batch_of(model, texts, words=False)
    outputs = TorchEngine(model).run(batch, ())
    assert outputs.logits == {}
    assert outputs.embedding.shape == (len(texts), 32)


def test_nothing_is_dropped_out_while_answering_and_training_goes_on_after(
    make_model: Make, texts: Sequence[str]
) -> None:
    model = make_model("bert")
    batch = batch_of(model, texts)
    expected = TorchEngine(model).run(batch, ["topic"])
    model.train()
    modes: list[bool] = []
    model.encoder.get_input_embeddings().register_forward_hook(lambda module, *_: modes.append(module.training))
    found = TorchEngine(model).run(batch, ["topic"])
    assert modes == [False]
    assert model.training
    assert all(module.training for module in model.modules())
    assert np.array_equal(found.logits["topic"], expected.logits["topic"])


def test_the_mode_comes_back_after_an_error(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert").train()
    with pytest.raises(UsageError):
        TorchEngine(model).run(batch_of(model, texts), ["absent"])
    assert model.training


def test_the_engine_follows_weights_that_change(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert")
    engine, batch = TorchEngine(model), batch_of(model, texts)
    before = engine.run(batch, ["topic"])
    with torch.no_grad():
        model.head("topic")[-1].bias += 1
    assert np.allclose(engine.run(batch, ["topic"]).logits["topic"], before.logits["topic"] + 1, atol=1e-5)


def test_float32_weights_compute_in_bfloat16_when_told_so(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert")
    batch = batch_of(model, texts)
    single, mixed = (TorchEngine(model, precision=of).run(batch, ["topic"]) for of in ("float32", "bfloat16"))
    assert np.allclose(mixed.embedding, single.embedding, atol=0.1)
    assert not np.allclose(mixed.embedding, single.embedding, atol=1e-5)
    assert mixed.logits["topic"].dtype == np.float32


def test_half_precision_answers_are_float32(make_model: Make, texts: Sequence[str]) -> None:
    model = make_model("bert").bfloat16()
    outputs = TorchEngine(model).run(batch_of(model, texts), ["topic"])
    assert outputs.embedding.dtype == np.float32
    assert np.isfinite(outputs.logits["topic"]).all()
