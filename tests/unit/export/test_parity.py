from collections.abc import Callable, Sequence

import numpy as np
import pytest

from polyhead.export.build import built_graph
from polyhead.export.parity import Parity, alike, compare, edge_texts
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.engine import EngineOutputs
from polyhead.runtime.session import OnnxEngine
from polyhead.tasks.regression import Regression
from polyhead.text.tokens import TokenBatch

Make = Callable[..., MultiTaskModel]


class Disturbed:
    """Gives what a model gives, but for one number."""

    def __init__(self, engine: TorchEngine, *, task: str = "add", by: float = 0.0) -> None:
        self._engine, self._task, self._by = engine, task, by

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        outputs = self._engine.run(batch, tasks)
        logits = {name: values.copy() for name, values in outputs.logits.items()}
        logits[self._task][0, ..., 0] += self._by
        return EngineOutputs(logits, outputs.embedding)


def compared(model: MultiTaskModel, **disturbance: float | str) -> Parity:
    engine = TorchEngine(model)
    texts = ["w1 w2 w3", "w4"]
    return compare(engine, Disturbed(engine, **disturbance), tokenizer=model.tokenizer, tasks=model.tasks, texts=texts)


def test_a_built_graph_holds_on_the_edge_texts(make_model: Make) -> None:
    model = make_model()
    graph = built_graph(model)
    assert graph is not None
    texts = edge_texts(model.tokenizer, ["w5 w6"])
    parity = compare(
        TorchEngine(model),
        OnnxEngine(graph.SerializeToString()),
        tokenizer=model.tokenizer,
        tasks=model.tasks,
        texts=texts,
    )
    assert parity.holds
    assert parity.texts == len(texts)
    assert 0 < parity.difference < 1e-4
    assert parity.unequal == 0


def test_a_logit_that_is_off_breaks_it(make_model: Make) -> None:
    parity = compared(make_model(), by=0.01)
    assert parity.difference == pytest.approx(0.01, rel=1e-3)
    assert not parity.holds


def test_another_answer_breaks_it_and_shows_the_text(make_model: Make) -> None:
    parity = compared(make_model(), by=100.0)
    assert parity.unequal >= 1
    assert parity.example in {"w1 w2 w3", "w4"}


@pytest.mark.parametrize("task", ["add", "names"])
def test_what_is_no_number_breaks_it(make_model: Make, task: str) -> None:
    assert not compared(make_model(), by=float("nan"), task=task).holds


def test_the_record_of_the_manifest_tells_texts_difference_and_answers() -> None:
    parity = Parity(texts=9, difference=2e-6, unequal=1, example="x")
    assert parity.to_json() == {"texts": 9, "max_difference": 2e-6, "unequal_answers": 1}


class Numbers:
    """Gives one number a text, the same each time but for a shift."""

    def __init__(self, *, by: float = 0.0) -> None:
        self._by = by

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        logits = np.linspace(-1.0, 1.0, len(batch.texts))[:, None] + self._by
        return EngineOutputs(dict.fromkeys(tasks, logits), np.zeros((len(batch.texts), 2)))


@pytest.mark.parametrize(("by", "holds"), [(1e-5, True), (0.01, False)])
@pytest.mark.parametrize("spread", [1e-4, 1.0, 1e6])
def test_numbers_are_compared_in_spreads_whatever_their_unit(
    by: float,
    holds: bool,  # noqa: FBT001
    spread: float,
    make_model: Make,
) -> None:
    tasks = {"price": Regression(centers=(0.0,), spreads=(spread,))}
    tokenizer = make_model().tokenizer
    parity = compare(Numbers(), Numbers(by=by), tokenizer=tokenizer, tasks=tasks, texts=["w1", "w2", "w3 w4"])
    assert parity.holds == holds


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"label": "a", "confidence": 0.5}, {"label": "a", "confidence": 0.5001}, True),
        ({"label": "a", "confidence": 0.5}, {"label": "b", "confidence": 0.5}, False),
        ({"label": "a", "confidence": 0.5}, {"label": "a", "confidence": 0.6}, False),
        ({"label": "a"}, {"label": "a", "more": 1}, False),
        ([1, 2.0], [1, 2.0000001], True),
        ([1, 2], [1, 2, 3], False),
        ([1, 2], [1, 3], False),
        ("a", "a", True),
        (float("nan"), 1.0, False),
        ({"spans": [{"start": 4}]}, {"spans": [{"start": 5}]}, False),
    ],
)
def test_answers_are_alike_when_they_say_the_same(left: object, right: object, same: bool) -> None:  # noqa: FBT001
    assert alike(left, right) == same


def test_the_edge_texts_hold_nothing_one_token_and_more_than_the_encoder_reads(make_model: Make) -> None:
    tokenizer = make_model().tokenizer
    for words in ([], ["", "w3"], ["w7 w8"]):
        tokenized = tokenizer.tokenize(edge_texts(tokenizer, words))
        lengths = np.array([len(text) for text in tokenized])
        assert lengths.min() <= 2
        assert lengths.max() >= tokenizer.max_tokens
