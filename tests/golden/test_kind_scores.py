"""Losses and scores against those of other libraries."""

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score
from sklearn.metrics import f1_score as label_f1

from polyhead.decoding.likeness import ANCHOR, LEFT, NEGATIVE, POSITIVE, RIGHT, contrast, cosent
from polyhead.metrics import pearson, spearman
from polyhead.tasks.multilabel import Choice, Multilabel, MultilabelAnswer
from polyhead.tasks.ordinal import Ordinal, OrdinalAnswer
from polyhead.tasks.tagging import chunk_scores

STARS = ("1", "2", "3", "4")
TAGS = ("O", "B-A", "I-A", "B-B", "I-B")


def legal_tags(random: np.random.Generator, count: int) -> list[str]:
    tags: list[str] = []
    for tag in random.choice(TAGS, size=count).tolist():
        follows = tag[0] != "I" or (tags and tags[-1][1:] == tag[1:])
        tags.append(tag if follows else "B" + tag[1:])
    return tags


def test_quadratic_kappa_is_that_of_scikit_learn(random: np.random.Generator) -> None:
    gold, given = random.choice(STARS, size=(2, 200)).tolist()
    given[:120] = gold[:120]
    score = Ordinal(labels=STARS).score(gold, [OrdinalAnswer(label, 1.0, {}) for label in given])
    assert score["kappa"] == pytest.approx(cohen_kappa_score(gold, given, weights="quadratic"))
    assert score["mae"] == pytest.approx(np.abs(np.array(gold, dtype=int) - np.array(given, dtype=int)).mean())


def test_chunks_are_counted_as_seqeval_counts_them(random: np.random.Generator) -> None:
    seqeval = pytest.importorskip("seqeval.metrics", reason="seqeval comes as source only")
    gold = [legal_tags(random, int(count)) for count in random.integers(1, 20, size=60)]
    given = [[tag if random.random() < 0.8 else str(random.choice(TAGS)) for tag in tags] for tags in gold]
    assert chunk_scores(gold, given)["f1"] == pytest.approx(seqeval.f1_score(gold, given))


def test_chunks_are_counted_as_by_hand() -> None:
    gold = [["B-A", "I-A", "O", "B-B"], ["B-A", "O"]]
    given = [["B-A", "I-A", "O", "B-A"], ["O", "B-B"]]
    # Of three gold chunks one is found, and two that are given are none.
    found = chunk_scores(gold, given)
    assert (found["precision"], found["recall"], found["f1"]) == (1 / 3, 1 / 3, 1 / 3)
    assert found["labels"]["A"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert found["labels"]["B"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_f1_of_many_labels_is_that_of_scikit_learn(random: np.random.Generator) -> None:
    gold, given = random.random((2, 300, 4)) < 0.3
    task = Multilabel(labels=STARS)
    chosen = [tuple(label for label, yes in zip(STARS, row, strict=True) if yes) for row in given]
    values = [Choice(tuple(label for label, yes in zip(STARS, row, strict=True) if yes)) for row in gold]
    score = task.score(values, [MultilabelAnswer(labels, 1.0, {}) for labels in chosen])
    assert score["micro_f1"] == pytest.approx(label_f1(gold, given, average="micro"))
    assert score["macro_f1"] == pytest.approx(label_f1(gold, given, average="macro"))
    assert score["exact"] == pytest.approx((gold == given).all(axis=1).mean())


def test_correlations_are_those_of_numpy_with_ties_sharing_their_ranks(random: np.random.Generator) -> None:
    left, right = random.integers(0, 9, size=(2, 100)).astype(float)
    assert pearson(left, right) == pytest.approx(np.corrcoef(left, right)[0, 1])
    ranks = [[(of < value).sum() + ((of == value).sum() + 1) / 2 for value in of] for of in (left, right)]
    assert spearman(left, right) == pytest.approx(np.corrcoef(*ranks)[0, 1])


def test_the_loss_of_pairs_is_the_cross_entropy_of_scaled_cosines(random: np.random.Generator) -> None:
    vectors = torch.nn.functional.normalize(torch.from_numpy(random.normal(size=(12, 5))), dim=-1)
    sides = [(row, part, 0, 2 * row + part) for row in range(6) for part in (ANCHOR, POSITIVE)]
    expected = torch.nn.functional.cross_entropy(vectors[::2] @ vectors[1::2].T * 20, torch.arange(6), reduction="sum")
    found = contrast(vectors, torch.tensor(sides, dtype=torch.float64), temperature=0.05)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_ranks_are_correlated_as_scipy_does(random: np.random.Generator) -> None:
    stats = pytest.importorskip("scipy.stats")
    left, right = random.integers(0, 9, size=(2, 100)).astype(float)
    assert spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic)
    assert pearson(left, right) == pytest.approx(stats.pearsonr(left, right).statistic)


def test_the_probabilities_of_ordered_labels_are_those_of_the_formula(random: np.random.Generator) -> None:
    numbers, counts = random.normal(size=20), np.array([40, 30, 20, 10]) + 0.5
    task = Ordinal(labels=STARS).prepared(
        [label for label, n in zip(STARS, (40, 30, 20, 10), strict=True) for _ in range(n)]
    )
    shares = np.cumsum(counts)[:-1] / counts.sum()
    reached = 1 / (1 + np.exp(-(np.log(shares / (1 - shares)) - numbers[:, None])))
    expected = np.diff(np.pad(reached, [(0, 0), (1, 1)], constant_values=((0, 0), (0, 1))), axis=1)
    found = task.log_probabilities(torch.from_numpy(numbers)[:, None]).exp()
    assert found.numpy() == pytest.approx(expected, rel=1e-6)


def test_the_loss_of_triplets_is_that_of_sentence_transformers(random: np.random.Generator) -> None:
    losses = pytest.importorskip("sentence_transformers.losses")
    vectors = torch.nn.functional.normalize(torch.from_numpy(random.normal(size=(3, 6, 5))), dim=-1)
    theirs = losses.MultipleNegativesRankingLoss(model=None, scale=20.0)
    expected = theirs.compute_loss_from_embeddings(list(vectors), None)
    sides = [
        (row, part, 0, 3 * row + place) for row in range(6) for place, part in enumerate((ANCHOR, POSITIVE, NEGATIVE))
    ]
    flat = vectors.transpose(0, 1).reshape(18, 5)
    found = contrast(flat, torch.tensor(sides, dtype=torch.float64), temperature=0.05)
    assert found.item() == pytest.approx(6 * expected.item(), rel=1e-6)


def test_the_loss_of_scored_pairs_is_that_of_sentence_transformers(random: np.random.Generator) -> None:
    losses = pytest.importorskip("sentence_transformers.losses")
    vectors = torch.nn.functional.normalize(torch.from_numpy(random.normal(size=(12, 5))), dim=-1)
    scores = torch.from_numpy(random.integers(0, 4, size=6).astype(float))
    theirs = losses.CoSENTLoss(model=None, scale=20.0)
    expected = theirs.compute_loss_from_embeddings([vectors[::2], vectors[1::2]], scores)
    sides = [(row, part, scores[row].item(), 0) for row in range(6) for part in (LEFT, RIGHT)]
    found = cosent(vectors, torch.tensor(sides, dtype=torch.float64), temperature=0.05)
    assert found.item() == pytest.approx(6 * expected.item(), rel=1e-6)
