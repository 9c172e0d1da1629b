from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch

from polyhead.model.multitask import MultiTaskModel
from polyhead.model.remembering import Remembered
from polyhead.text.tokens import Passage


def batch_of(model: MultiTaskModel, texts: Sequence[str]) -> dict[str, torch.Tensor]:
    return model.tensors(model.tokenizer.batch(model.tokenizer.tokenize(texts, words=True)))


def remember(model: MultiTaskModel, passages: Iterable[Passage | str], *, most: int) -> Remembered:
    return Remembered(partial(model.encode, model.encoder), model.tokenizer, passages, most=most)


def test_states_are_those_of_the_encoder(make_model: Callable[..., MultiTaskModel], texts: Sequence[str]) -> None:
    model = make_model("bert")
    batch = batch_of(model, texts)
    with torch.no_grad():
        expected = model(batch)
        model.remembered = remember(model, texts, most=10**6)
        found = model(batch)
    assert len(model.remembered) == len(set(texts))
    for name, logits in expected.items():
        if model.tasks[name].level == "text":
            assert torch.allclose(found[name], logits, atol=1e-5)
    assert torch.allclose(found.embedding, expected.embedding, atol=1e-5)


def test_a_text_that_is_not_known_is_computed(make_model: Callable[..., MultiTaskModel], texts: Sequence[str]) -> None:
    model = make_model("bert")
    model.remembered = remember(model, texts[:2], most=10**6)
    with torch.no_grad():
        found = model(batch_of(model, texts)).embedding
        model.remembered = None
        assert torch.allclose(found, model(batch_of(model, texts)).embedding, atol=1e-5)


def test_no_more_is_kept_than_there_is_room_for(
    make_model: Callable[..., MultiTaskModel], texts: Sequence[str]
) -> None:
    model = make_model("bert")
    assert len(remember(model, texts, most=1)) == 0


def test_a_text_never_gets_the_states_of_another_tokenizer_or_limit(
    make_model: Callable[..., MultiTaskModel], texts: Sequence[str]
) -> None:
    model = make_model("bert")
    remembered = remember(model, texts, most=10**6)
    batch = batch_of(model, texts)
    other = {**batch, "input_ids": batch["input_ids"].flip(0)}
    with torch.no_grad():
        assert not torch.allclose(remembered.states(batch), remembered.states(other))
