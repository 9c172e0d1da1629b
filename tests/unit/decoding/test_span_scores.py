"""Spans that nest and overlap."""

import numpy as np
import pytest
import torch

from polyhead.decoding import span_scores
from polyhead.decoding.span_scores import WIDTH, SpanScores
from polyhead.spans import Span
from polyhead.text.tokens import TextTokenizer, TokenBatch

TEXT = "Bank of New York Mellon opened"
LABELS = ("LOC", "ORG")
NESTED = (
    Span(0, 16, "ORG", "Bank of New York"),
    Span(0, 23, "ORG", "Bank of New York Mellon"),
    Span(8, 16, "LOC", "New York"),
)


@pytest.fixture
def batch(wordpiece: TextTokenizer) -> TokenBatch:
    return wordpiece.batch(wordpiece.tokenize([TEXT, "It froze", ""]))


def trained(decoder: SpanScores, batch: TokenBatch, values: list) -> np.ndarray:
    targets = torch.from_numpy(decoder.targets(values, batch))
    torch.manual_seed(0)
    logits = torch.randn(*batch.ids.shape, decoder.outputs, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        decoder.loss(logits, targets).backward()
        optimizer.step()
    return logits.detach().numpy()


def test_nested_and_overlapping_spans_are_learned_and_found(batch: TokenBatch) -> None:
    decoder = SpanScores(LABELS, max_words=6)
    found = decoder.decode(trained(decoder, batch, [NESTED, (), ()]), batch)
    assert [[(s.start, s.end, s.label, s.text) for s in spans] for spans in found] == [
        [(s.start, s.end, s.label, s.text) for s in NESTED],
        [],
        [],
    ]
    assert all(span.confidence > 0.5 for span in found[0])


def test_one_stretch_may_bear_two_labels(batch: TokenBatch) -> None:
    decoder = SpanScores(LABELS, max_words=3)
    both = (Span(8, 16, "LOC", "New York"), Span(8, 16, "ORG", "New York"))
    found = decoder.decode(trained(decoder, batch, [both, (), ()]), batch)
    assert [span.label for span in found[0]] == ["LOC", "ORG"]


def test_a_span_beyond_the_longest_is_no_target(batch: TokenBatch) -> None:
    targets = SpanScores(LABELS, max_words=4).targets([NESTED, None, None], batch)
    assert (targets == 1).sum() == 2
    assert (targets[1] == -100).all()


def test_the_loss_is_that_of_every_stretch_by_itself(batch: TokenBatch, random: np.random.Generator) -> None:
    lengths = random.normal(size=(2, 2))
    decoder = SpanScores(LABELS, max_words=2, lengths=torch.from_numpy(lengths))
    logits = random.normal(size=(*batch.ids.shape, decoder.outputs))
    targets = decoder.targets([None, (Span(0, 2, "LOC", "It"),), None], batch)
    assert decoder.observed(targets) == 2
    left, right, begins, closes = np.split(logits[1], [WIDTH, 2 * WIDTH, 2 * WIDTH + 2], axis=-1)
    expected = 0.0
    words = np.flatnonzero(batch.words[1])
    for i, j in ((0, 0), (0, 1), (1, 1)):
        for label in (0, 1):
            a, b = words[i], words[j]
            score = left[a] @ right[b] / WIDTH**0.5 + begins[a, label] + closes[b, label] + lengths[j - i, label] - 4.0
            expected += np.logaddexp(0, -score if (i, j, label) == (0, 0, 0) else score)
    found = decoder.loss(torch.from_numpy(logits), torch.from_numpy(targets))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_long_texts_are_scored_in_parts(
    wordpiece: TextTokenizer, random: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = wordpiece.batch(wordpiece.tokenize(["The river froze, and nobody could reach the mill for a week!"]))
    decoder = SpanScores(LABELS, max_words=3)
    logits = random.normal(size=(*batch.ids.shape, decoder.outputs)) * 3
    at_once = decoder.decode(logits, batch)
    monkeypatch.setattr(span_scores, "CHUNK", 2)
    assert decoder.decode(logits, batch) == at_once
    assert len(at_once[0]) > 3
