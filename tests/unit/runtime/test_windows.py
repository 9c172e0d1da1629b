"""Long texts: read in windows, answered as one."""

import resource
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from polyhead.model.outputs import Outputs
from polyhead.model.stitching import logits_of
from polyhead.runtime.engine import EngineOutputs
from polyhead.runtime.predictor import Predictor
from polyhead.runtime.windows import Joining, join, joined
from polyhead.spans import Floats
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.embedding import Embedding
from polyhead.tasks.entities import Entities
from polyhead.tasks.tagging import Tagging
from polyhead.text.tokens import TextTokenizer, TokenBatch

TASKS: Mapping[str, Task] = {
    "topic": Classification(labels=("a", "b")),
    "loudest": Classification(labels=("a", "b"), windows="max"),
    "weighed": Classification(labels=("a", "b"), windows="attention"),
    "places": Entities(labels=("LOC",)),
    "tags": Tagging(labels=("X", "Y")),
    "meaning": Embedding(),
}
LONG = " ".join(f"Naxos {number} café," for number in range(60))


class ReadingEngine:
    """Judges each token by itself, and each window by the mean of its tokens; like an encoder without context."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []
        self.table = np.random.default_rng(3).normal(size=(1000, 3)).astype(np.float32)

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        self.sizes.append(batch.ids.shape)
        states = self.table[batch.ids] * batch.mask[..., None]
        mean = states.sum(axis=1) / batch.mask.sum(axis=1, keepdims=True)
        of = {"topic": mean[:, :2], "loudest": mean[:, :2], "weighed": mean, "places": states, "tags": states[..., :2]}
        return EngineOutputs({name: of[name] for name in tasks if name in of}, mean)


def tokenizer_of(raw_tokenizers: dict[str, str], *, overlap: float | None, max_tokens: int = 32) -> TextTokenizer:
    tokenizer = Tokenizer.from_str(raw_tokenizers["wordpiece"])
    return TextTokenizer(tokenizer, max_tokens=max_tokens, padding_id=0, filler_id=2, overlap=overlap)


@pytest.fixture
def windowed(raw_tokenizers: dict[str, str]) -> Predictor:
    return Predictor(tasks=TASKS, tokenizer=tokenizer_of(raw_tokenizers, overlap=0.125), engine=ReadingEngine())


@pytest.fixture
def whole(raw_tokenizers: dict[str, str]) -> Predictor:
    tokenizer = tokenizer_of(raw_tokenizers, overlap=0.125, max_tokens=100_000)
    return Predictor(tasks=TASKS, tokenizer=tokenizer, engine=ReadingEngine())


def test_a_text_within_the_limit_answers_identically_with_and_without_windows(
    raw_tokenizers: dict[str, str], sentences: tuple[str, ...]
) -> None:
    answers = []
    for overlap in (0.125, None):
        tokenizer = tokenizer_of(raw_tokenizers, overlap=overlap, max_tokens=64)
        fitting = [text for text in sentences if len(tokenizer.tokenize([text])[0].ids) < 64]
        answers.append(Predictor(tasks=TASKS, tokenizer=tokenizer, engine=ReadingEngine()).predict(["", *fitting]))
    assert answers[0] == answers[1]
    assert len(answers[0]) > 5
    assert all(answer.windows == 1 and not answer.truncated for answer in answers[0])


def test_a_text_within_the_limit_answers_identically_beside_a_long_one(windowed: Predictor) -> None:
    alone = windowed.predict(["The river froze"])[0]
    tokenized = windowed.tokenize(["The river froze", LONG], list(TASKS))
    beside = windowed.answers(windowed.run(tokenized, list(TASKS)), [list(TASKS)] * 2)[0]
    assert beside.windows == 1
    for name in ("places", "tags"):
        assert [span.label for span in getattr(beside[name], "spans", ())] == [
            span.label for span in getattr(alone[name], "spans", ())
        ]
    assert beside["topic"].confidence == pytest.approx(alone["topic"].confidence, abs=1e-6)


def test_the_words_of_a_long_text_are_judged_each_once_at_their_places(windowed: Predictor, whole: Predictor) -> None:
    (stitched,), (at_once,) = windowed.predict([LONG]), whole.predict([LONG])
    assert stitched.windows > 5
    assert not stitched.truncated
    assert stitched["places"].spans == at_once["places"].spans
    assert stitched["tags"].tokens == at_once["tags"].tokens
    assert len(stitched["tags"].tokens) == 60 * 4
    for span in stitched["tags"].tokens:
        assert LONG[span.start : span.end] == span.text


def test_without_windows_a_long_text_says_that_it_was_cut(raw_tokenizers: dict[str, str]) -> None:
    predictor = Predictor(tasks=TASKS, tokenizer=tokenizer_of(raw_tokenizers, overlap=None), engine=ReadingEngine())
    (answer,) = predictor.predict([LONG])
    assert answer.truncated
    assert answer.windows == 1


def logits_of_windows(predictor: Predictor, random: np.random.Generator, outputs: int) -> tuple[Joining, Floats]:
    tokenized = predictor.tokenize(["one", LONG], ["places"])
    joining = join(predictor._tokenizer, tokenized)  # noqa: SLF001  what it is made of is what is tested
    assert joining is not None
    return joining, random.normal(size=(len(joining.batch.ids), outputs)).astype(np.float32)


@pytest.mark.parametrize("name", ["topic", "loudest", "weighed"])
def test_logits_of_windows_become_those_of_their_text(
    windowed: Predictor, name: str, random: np.random.Generator
) -> None:
    task = TASKS[name]
    assert isinstance(task, Classification)
    joining, logits = logits_of_windows(windowed, random, task.head_outputs)
    found = joined(logits, task, joining)
    assert np.allclose(found[0], logits[0, :2])
    own = logits[1:]
    weights = np.exp(own[:, -1]) / np.exp(own[:, -1]).sum()
    expected = {"topic": own.mean(axis=0), "loudest": own.max(axis=0), "weighed": weights @ own[:, :2]}
    assert np.allclose(found[1], expected[name], atol=1e-6)


def test_embeddings_of_windows_are_averaged_by_their_length(windowed: Predictor) -> None:
    (vector,) = windowed.embed([LONG])
    engine = ReadingEngine()
    joining = join(windowed._tokenizer, windowed.tokenize([LONG], []))  # noqa: SLF001
    assert joining is not None
    parts = engine.run(joining.batch, ()).embedding
    assert np.allclose(vector, np.average(parts, axis=0, weights=joining.batch.mask.sum(axis=1)), atol=1e-6)


@pytest.mark.parametrize("name", list(TASKS))
def test_torch_joins_windows_as_numpy_does(windowed: Predictor, name: str, random: np.random.Generator) -> None:
    task = TASKS[name]
    width = getattr(task, "head_outputs", 5)
    joining, logits = logits_of_windows(windowed, random, width)
    if task.level == "words":
        logits = random.normal(size=(*joining.batch.ids.shape, width)).astype(np.float32)
    tensor = torch.from_numpy(logits).requires_grad_()
    outputs = Outputs({name: tensor}, tensor, tensor, tensor, {})
    found = logits_of(outputs, name, task, joining)
    found.sum().backward()
    assert tensor.grad is not None
    if name == "meaning":
        shares = joining.lengths / joining.lengths.sum(axis=1, keepdims=True)
        expected = (logits[joining.members] * shares[..., None]).sum(axis=1)
    else:
        expected = joined(logits, task, joining)  # type: ignore[arg-type]
    assert np.allclose(found.detach().numpy(), expected, atol=1e-6)


def test_windows_come_in_passes_within_the_budget(raw_tokenizers: dict[str, str]) -> None:
    engine = ReadingEngine()
    tokenizer = tokenizer_of(raw_tokenizers, overlap=0.125)
    Predictor(tasks=TASKS, tokenizer=tokenizer, engine=engine, budget=128).predict([LONG])
    assert all(rows * tokens <= 128 for rows, tokens in engine.sizes)


def test_an_attention_column_is_no_logit_of_a_short_text(windowed: Predictor) -> None:
    (answer,) = windowed.predict(["The river froze"], ["weighed"])
    assert set(answer["weighed"].scores) == {"a", "b"}


def test_a_text_of_a_million_characters_is_read_whole_in_bounded_memory(raw_tokenizers: dict[str, str]) -> None:
    tokenizer = tokenizer_of(raw_tokenizers, overlap=0.125, max_tokens=512)
    tasks = {name: TASKS[name] for name in ("topic", "places")}
    text = "The river froze. " * 58_824
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (answer,) = Predictor(tasks=tasks, tokenizer=tokenizer, engine=ReadingEngine()).predict([text])
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(text) >= 1_000_000
    assert not answer.truncated
    assert answer.windows > 500
    assert kibibytes < 600 * 2**10


def test_joining_keeps_what_padding_stands_for_out(windowed: Predictor, random: np.random.Generator) -> None:
    joining, logits = logits_of_windows(windowed, random, 3)
    task = replace(TASKS["weighed"], windows="mean")  # type: ignore[type-var]
    assert isinstance(task, Classification)
    assert np.allclose(joined(logits[:, :2], task, joining)[0], logits[0, :2])
