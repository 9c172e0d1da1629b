"""The sentence embedding, trained by what is alike; and what the contract of all kinds says of it."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch

from polyhead.tasks.base import HeadTask
from polyhead.tasks.embedding import Embedding, EmbeddingAnswer, Likeness
from polyhead.text.tokens import TextTokenizer, TokenBatch

ROWS = (
    ("The river froze", None, "The water turned to ice"),
    ("Zoë saw Naxos", None, {"positive": "She visited an island", "negative": "He stayed at home"}),
    ("It is late", "It is early", 1.5),
    ("It is cold", None, {"other": "It is chilly", "score": 4}),
    ("Nothing", None, None),
    ("It is dark", "It is bright", 0),
)


@pytest.fixture
def task() -> Embedding:
    return Embedding()


@pytest.fixture
def values(task: Embedding) -> list[Likeness | None]:
    return [None if raw is None else task.read(raw, text, []) for text, _, raw in ROWS]


def sides_of(task: Embedding, values: list[Likeness | None]) -> list[tuple[str, ...]]:
    parts = zip(ROWS, values, strict=True)
    return [() if value is None else task.sides(text, pair, value) for (text, pair, _), value in parts]


def batch_of(tokenizer: TextTokenizer, sides: list[tuple[str, ...]]) -> TokenBatch:
    return tokenizer.batch(tokenizer.tokenize([text for of in sides for text in of], words=False))


def vector(*numbers: float) -> EmbeddingAnswer:
    return EmbeddingAnswer(numbers)


def test_pairs_triplets_and_scored_pairs_are_read(values: list[Likeness | None]) -> None:
    assert values == [
        Likeness("The water turned to ice"),
        Likeness("She visited an island", negative="He stayed at home"),
        Likeness(None, score=1.5),
        Likeness("It is chilly", score=4.0),
        None,
        Likeness(None, score=0.0),
    ]


@pytest.mark.parametrize(
    "value", [True, [], {}, {"positive": 3}, {"other": "x"}, {"other": "x", "score": "1"}, {"negative": "x"}]
)
def test_what_says_nothing_of_likeness_is_told(task: Embedding, value: object) -> None:
    problems: list[str] = []
    assert task.read(value, "", problems) is None
    assert "must be a text that is alike" in problems[0]


def test_a_score_alone_needs_a_second_text(task: Embedding) -> None:
    problems: list[str] = []
    task.check(Likeness(None, score=1.0), pair=None, problems=problems)
    task.check(Likeness(None, score=1.0), pair="x", problems=problems)
    task.check(Likeness("x"), pair=None, problems=problems)
    assert problems == ["a row with a score must have a `text_pair`. Found none."]


def test_the_sides_of_a_row_are_read_apart(task: Embedding, values: list[Likeness | None]) -> None:
    assert [len(of) for of in sides_of(task, values)] == [2, 3, 2, 2, 0, 2]
    assert sides_of(task, values)[2] == ("It is late", "It is early")


def test_a_value_read_again_from_arrow_is_the_same(task: Embedding, values: list[Likeness | None]) -> None:
    known = [value for value in values if value is not None]
    column = pa.array([task.to_column(value) for value in known], type=task.column_type())
    assert [task.from_column(cell) for cell in column.to_pylist()] == known


def test_it_has_no_head(task: Embedding) -> None:
    assert not isinstance(task, HeadTask)


@pytest.mark.parametrize("settings", [{}, {"scored": "cosine"}, {"widths": (4, 2)}, {"temperature": 0.5}])
def test_the_loss_is_finite_and_its_gradient_reaches_every_side(
    settings: dict[str, object], values: list[Likeness | None], wordpiece: TextTokenizer, random: np.random.Generator
) -> None:
    task = Embedding(**settings).prepared(value for value in values if value is not None)
    sides = sides_of(task, values)
    targets = task.targets(values, batch_of(wordpiece, sides))
    assert task.observed(targets) == 5
    vectors = torch.from_numpy(random.normal(size=(len(targets), 8))).requires_grad_()
    loss = task.loss(vectors, torch.from_numpy(targets))
    loss.backward()
    assert torch.isfinite(loss)
    assert loss > 0
    assert vectors.grad is not None
    assert (vectors.grad.abs().sum(dim=1) > 0).all()


def test_unlabelled_rows_contribute_nothing(task: Embedding, wordpiece: TextTokenizer) -> None:
    targets = task.targets([None] * 6, batch_of(wordpiece, []))
    assert targets.shape == (0, 4)
    assert task.observed(targets) == 0


def test_scores_are_brought_to_the_unit_interval_by_those_of_training(values: list[Likeness | None]) -> None:
    task = Embedding().prepared(value for value in values if value is not None)
    assert task.bounds == (0.0, 4.0)


def test_all_widths_are_trained(wordpiece: TextTokenizer, random: np.random.Generator) -> None:
    values = [Likeness("b"), Likeness("d")]
    batch = wordpiece.batch(wordpiece.tokenize(["a", "b", "c", "d"], words=False))
    vectors = torch.from_numpy(random.normal(size=(4, 8)))
    losses = []
    for task, width in ((Embedding(), 8), (Embedding(), 2), (Embedding(widths=(2,)), 8)):
        targets = torch.from_numpy(task.targets(values, batch))
        losses.append(task.loss(vectors[:, :width], targets).item())
    assert losses[2] == pytest.approx((losses[0] + losses[1]) / 2)


def test_the_answer_is_the_vector(task: Embedding, wordpiece: TextTokenizer) -> None:
    batch = wordpiece.batch(wordpiece.tokenize(["a", "b"], words=False))
    answers = task.decode(np.array([[0.5, 1.0], [2.0, 3.0]], dtype=np.float32), batch)
    assert answers[1].to_json() == {"kind": "embedding", "vector": [2.0, 3.0]}
    assert json.loads(json.dumps(answers[0].to_json()))["vector"] == [0.5, 1.0]
    assert task.right(Likeness("x"), answers)


def test_scored_pairs_are_judged_by_the_order_of_their_cosines() -> None:
    values = [Likeness("x", score=score) for score in (1.0, 2.0, 3.0)]
    right = [vector(0.0, 1.0), vector(1.0, 1.0), vector(1.0, 0.1)]
    score = Embedding(widths=(1,)).score(values, [(vector(1.0, 0.0), of) for of in right])
    assert score["primary"] == score["spearman"] == pytest.approx(1.0)
    assert "spearman_1" in score
    assert json.loads(json.dumps(score)) == score
    assert Embedding().score(values, [(vector(1.0, 0.0), of) for of in right[::-1]])["primary"] == 0.0


def test_pairs_are_judged_by_whether_the_second_text_is_the_nearest() -> None:
    values = [Likeness("a"), Likeness("b"), Likeness("c", negative="d")]
    answers = [
        (vector(1.0, 0.0), vector(1.0, 0.1)),
        (vector(0.0, 1.0), vector(0.1, 1.0)),
        (vector(-1.0, 0.0), vector(0.0, -1.0), vector(-1.0, -0.1)),
    ]
    score = Embedding().score(values, answers)
    assert score["primary"] == score["recall_at_1"] == pytest.approx(2 / 3)
    assert score["recall_at_10"] == 1.0
    assert score["mean_reciprocal_rank"] == pytest.approx((1 + 1 + 1 / 2) / 3)


def test_pairs_may_go_both_ways() -> None:
    one, other = EmbeddingAnswer((1.0, 0.0), "one"), EmbeddingAnswer((0.0, 1.0), "other")
    twin, second = EmbeddingAnswer((1.0, 0.1), "twin"), EmbeddingAnswer((0.1, 1.0), "second")
    values = [Likeness("twin"), Likeness("one"), Likeness("second"), Likeness("other")]
    answers = [(one, twin), (twin, one), (other, second), (second, other)]
    assert Embedding().score(values, answers)["recall_at_1"] == 1.0


def test_vectors_that_are_all_alike_find_nothing() -> None:
    values = [Likeness(text) for text in "abc"]
    score = Embedding().score(values, [(vector(1.0, 0.0), vector(1.0, 0.0))] * 3)
    assert (score["primary"], score["mean_reciprocal_rank"]) == (0.0, pytest.approx(1 / 3))


def test_no_rows_score_zero(task: Embedding) -> None:
    assert task.score([], [])["primary"] == 0.0
