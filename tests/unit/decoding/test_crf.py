"""A linear chain against every sequence counted one by one."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from polyhead.decoding.crf import LinearChain, Marginals
from polyhead.spans import OUTSIDE, best_legal_tags, legal_transitions
from polyhead.text.tokens import TextTokenizer

LABELS = ("A", "B")
TAGS = 5
WORDS = 4


@pytest.fixture
def transitions(random: np.random.Generator) -> np.ndarray:
    return random.normal(size=(TAGS, TAGS))


@pytest.fixture
def scores(random: np.random.Generator) -> np.ndarray:
    return random.normal(size=(1, WORDS, TAGS))


def legal_sequences(words: int) -> list[tuple[int, ...]]:
    legal = legal_transitions(len(LABELS))
    every = product(range(TAGS), repeat=words)
    return [tags for tags in every if all(legal[step] for step in zip((OUTSIDE, *tags), tags, strict=False))]


def score_of(tags: tuple[int, ...], scores: np.ndarray, transitions: np.ndarray) -> float:
    at_words = sum(scores[0, word, tag] for word, tag in enumerate(tags))
    return at_words + sum(transitions[step] for step in pairwise(tags))


def probabilities(scores: np.ndarray, transitions: np.ndarray) -> dict[tuple[int, ...], float]:
    weights = {tags: np.exp(score_of(tags, scores, transitions)) for tags in legal_sequences(scores.shape[1])}
    whole = sum(weights.values())
    return {tags: weight / whole for tags, weight in weights.items()}


@pytest.mark.parametrize("gold", [(0, 0, 0, 0), (1, 2, 0, 3), (3, 4, 4, 1), (1, 1, 2, 2)])
def test_the_loss_is_the_negative_logarithm_of_the_sequence_s_probability(
    gold: tuple[int, ...], scores: np.ndarray, transitions: np.ndarray
) -> None:
    chain = LinearChain(LABELS, transitions=torch.from_numpy(transitions))
    loss = chain.loss(torch.from_numpy(scores), torch.tensor([gold]))
    assert loss.item() == pytest.approx(-np.log(probabilities(scores, transitions)[gold]), rel=1e-5)


def test_tokens_between_words_and_other_rows_change_nothing(scores: np.ndarray, transitions: np.ndarray) -> None:
    chain = LinearChain(LABELS, transitions=tuple(map(tuple, transitions.tolist())))
    narrow = chain.loss(torch.from_numpy(scores), torch.tensor([[1, 2, 0, 3]]))
    wide = np.full((2, 9, TAGS), 7.0)
    targets = np.full((2, 9), -100)
    wide[0, [1, 2, 5, 7]], targets[0, [1, 2, 5, 7]] = scores[0], (1, 2, 0, 3)
    assert chain.loss(torch.from_numpy(wide), torch.from_numpy(targets)).item() == pytest.approx(narrow.item())


def test_marginals_are_sums_over_all_legal_sequences(scores: np.ndarray, transitions: np.ndarray) -> None:
    marginals = Marginals(scores, np.ones((1, WORDS), dtype=bool), transitions).of_tags()
    expected = np.zeros((WORDS, TAGS))
    for tags, probability in probabilities(scores, transitions).items():
        expected[range(WORDS), tags] += probability
    assert np.allclose(marginals[0], expected)


def test_marginals_of_a_padded_row_are_those_of_the_row_alone(scores: np.ndarray, transitions: np.ndarray) -> None:
    padded = np.concatenate([scores, np.full((1, 3, TAGS), 5.0)], axis=1)
    mask = np.arange(WORDS + 3)[None] < WORDS
    alone = Marginals(scores, np.ones((1, WORDS), dtype=bool), transitions)
    beside = Marginals(padded, mask, transitions)
    assert np.allclose(beside.of_tags()[:, :WORDS], alone.of_tags())
    runs = tuple(np.array([of]) for of in (0, 1, WORDS, 0))
    assert beside.of_runs(runs) == pytest.approx(alone.of_runs(runs))


@pytest.mark.parametrize(("first", "end", "label"), [(0, 1, 0), (0, 4, 1), (1, 3, 0), (2, 4, 1), (3, 4, 0)])
def test_a_span_is_as_sure_as_all_sequences_in_which_it_stands_exactly_so(
    first: int, end: int, label: int, scores: np.ndarray, transitions: np.ndarray
) -> None:
    begin, inside = 1 + 2 * label, 2 + 2 * label
    wanted = (begin, *[inside] * (end - first - 1))
    expected = sum(
        probability
        for tags, probability in probabilities(scores, transitions).items()
        if tags[first:end] == wanted and (end == WORDS or tags[end] != inside)
    )
    marginals = Marginals(scores, np.ones((1, WORDS), dtype=bool), transitions)
    (found,) = marginals.of_runs(tuple(np.array([of]) for of in (0, first, end, label)))
    assert found == pytest.approx(expected)


def test_decoding_takes_the_most_probable_sequence(scores: np.ndarray, transitions: np.ndarray) -> None:
    every = probabilities(scores, transitions)
    found = best_legal_tags(scores, np.ones((1, WORDS), dtype=bool), transitions=transitions)
    assert tuple(found[0].tolist()) == max(every, key=lambda tags: every[tags])


def test_what_follows_what_is_learned(wordpiece: TextTokenizer) -> None:
    # The words themselves say nothing: only the order of the tags is left to learn from.
    batch = wordpiece.batch(wordpiece.tokenize(["The river froze"]))
    steps = torch.zeros(3, 3, requires_grad=True)
    targets = torch.full(batch.ids.shape, -100)
    targets[0, torch.from_numpy(batch.words[0])] = torch.tensor([1, 2, 2])
    optimizer = torch.optim.SGD([steps], lr=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        LinearChain(("A",), transitions=steps).loss(torch.zeros(*batch.ids.shape, 3), targets).backward()
        optimizer.step()
    logits = np.zeros((*batch.ids.shape, 3))
    logits[0, :, 1] = 0.5
    trained = LinearChain(("A",), transitions=tuple(map(tuple, steps.detach().tolist())))
    (spans,) = trained.decode(logits, batch)
    assert [span.text for span in spans] == ["The river froze"]
    assert 0.5 < spans[0].confidence <= 1.0


def test_a_text_without_words_has_no_spans(wordpiece: TextTokenizer) -> None:
    batch = wordpiece.batch(wordpiece.tokenize([""]))
    assert LinearChain(LABELS).decode(np.zeros((*batch.ids.shape, TAGS)), batch) == [()]


def test_a_loss_is_never_below_nothing_and_keeps_its_gradient(random: np.random.Generator) -> None:
    gold = torch.tensor(random.integers(0, 1, size=(400, 30)))
    scores = torch.tensor(random.normal(size=(400, 30, TAGS)) * 7, dtype=torch.float32)
    scores[..., OUTSIDE] += 60
    chain = LinearChain(labels=LABELS)
    losses = [float(chain.loss(scores[row : row + 1], gold[row : row + 1])) for row in range(len(gold))]
    assert min(losses) == 0.0
    less_sure = (scores.detach() * 0.1).requires_grad_()
    chain.loss(less_sure, gold).backward()
    assert less_sure.grad is not None
    assert float(less_sure.grad.abs().max()) > 1e-4
