"""One tag a token."""

import math

import numpy as np
import pytest
import torch

from polyhead.spans import Span
from polyhead.tasks.base import UNOBSERVED
from polyhead.tasks.tagging import CONTINUED, Tagging, TaggingAnswer
from polyhead.text.tokens import Passage, TextTokenizer, TokenBatch

TEXT = "re-built Yellowstone don't"
TOKENS = np.array([[0, 8], [9, 20], [21, 23], [23, 26]])
TAGS = ("ADJ", "NOUN", "VERB", "PART")
LABELS = tuple(sorted(TAGS))


@pytest.fixture
def batch(wordpiece: TextTokenizer) -> TokenBatch:
    return wordpiece.batch(wordpiece.tokenize([Passage(TEXT, tokens=TOKENS), Passage("It froze")]))


def tagged(*tags: str) -> TaggingAnswer:
    return TaggingAnswer(tuple(Span(i, i + 1, tag, "x", 1.0) for i, tag in enumerate(tags)))


def test_a_token_is_judged_by_its_first_subword(batch: TokenBatch) -> None:
    task = Tagging(labels=LABELS)
    targets = task.targets([TAGS, None], batch)
    assert [LABELS[target] for target in targets[0][targets[0] >= 0]] == list(TAGS)
    assert set(targets[0][targets[0] < 0].tolist()) == {UNOBSERVED}
    assert (targets[1] == UNOBSERVED).all()
    assert task.observed(targets) == 4


def test_a_token_is_judged_by_all_its_subwords(batch: TokenBatch) -> None:
    task = Tagging(labels=LABELS, subwords="mean")
    targets = task.targets([TAGS, None], batch)
    assert (targets[0] == CONTINUED).sum() >= 4
    assert task.observed(targets) == 4
    _, _, last = batch.units(0)
    logits = np.zeros((*batch.ids.shape, 4))
    # Only the last subword says anything.
    for unit, tag in enumerate(TAGS):
        logits[0, last[unit] - 1, LABELS.index(tag)] = 9.0
    assert task.decode(logits, batch)[0].tags == list(TAGS)
    assert Tagging(labels=LABELS).decode(logits, batch)[0].tags != list(TAGS)


def test_the_loss_of_the_mean_is_that_of_averaged_logits(batch: TokenBatch, random: np.random.Generator) -> None:
    task = Tagging(labels=LABELS, subwords="mean")
    logits = random.normal(size=(*batch.ids.shape, 4))
    _, first, last = batch.units(0)
    expected = 0.0
    for begin, end, tag in zip(first, last, TAGS, strict=True):
        mean = logits[0, begin:end].mean(axis=0)
        expected += np.logaddexp.reduce(mean) - mean[LABELS.index(tag)]
    targets = torch.from_numpy(task.targets([TAGS, None], batch))
    assert task.loss(torch.from_numpy(logits), targets).item() == pytest.approx(expected, rel=1e-5)


def test_the_answer_says_each_token_and_where_it_is(batch: TokenBatch) -> None:
    task = Tagging(labels=LABELS)
    logits = np.zeros((*batch.ids.shape, 4))
    logits[..., 1] = 2.0
    first, second = task.decode(logits, batch)
    assert [(token.start, token.end, token.text) for token in first.tokens] == [
        (start, end, TEXT[start:end]) for start, end in TOKENS.tolist()
    ]
    assert [token.text for token in second.tokens] == ["It", "froze"]
    assert first.tokens[0].confidence == pytest.approx(math.exp(2) / (math.exp(2) + 3))
    document = second.to_json()
    assert document["tags"] == ["NOUN", "NOUN"]
    assert document["tokens"][1] == {
        "start": 3,
        "end": 8,
        "label": "NOUN",
        "text": "froze",
        "confidence": first.tokens[0].confidence,
    }


def test_accuracy_counts_tokens_and_a_token_without_answer_is_missed() -> None:
    task = Tagging(labels=("D", "N"))
    score = task.score([("D", "N", "N"), ("N",)], [tagged("D", "N"), tagged("D")])
    assert score["primary"] == score["accuracy"] == 0.5
    assert score["labels"]["N"]["support"] == 3
    assert "chunks" not in score


def test_tags_of_a_scheme_are_scored_by_their_chunks() -> None:
    task = Tagging(labels=("B-A", "I-A", "O"))
    score = task.score([("B-A", "I-A", "O", "B-A")], [tagged("B-A", "O", "O", "B-A")])
    assert score["accuracy"] == 0.75
    assert score["primary"] == score["chunks"]["f1"] == 0.5
    assert score["chunks"]["labels"]["A"]["support"] == 2


def test_no_rows_score_zero() -> None:
    assert Tagging(labels=("D", "N")).score([], [])["primary"] == 0.0
    assert Tagging(labels=("B-A", "O")).score([], [])["primary"] == 0.0
