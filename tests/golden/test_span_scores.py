"""Span scores against two other implementations: seqeval's recorded ones, and nervaluate's strict ones.

seqeval comes as source only and its build fetches more, so what it computed stands in seqeval.json.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nervaluate.evaluator import Evaluator

from polyhead.spans import Span, best_legal_tags, bio_tags, tag_runs
from polyhead.tasks.entities import Entities, EntitiesAnswer

LABELS = ("PER", "LOC", "ORG")
RECORDED = json.loads((Path(__file__).parent / "seqeval.json").read_text())


def spans_of(tags: list[int]) -> tuple[Span, ...]:
    runs = zip(*tag_runs(np.array([tags])), strict=True)
    return tuple(Span(int(first), int(end), LABELS[label]) for _, first, end, label in runs)


def score_of(gold: list[list[int]], given: list[list[int]]) -> dict[str, Any]:
    answers = [EntitiesAnswer(spans_of(tags)) for tags in given]
    return Entities(labels=LABELS).score([spans_of(tags) for tags in gold], answers)


def drawn(seed: int, rows: int) -> tuple[list[list[int]], list[list[int]]]:
    """Draw pairs of legal tag sequences that agree on many spans."""
    random = np.random.default_rng(seed)
    words = 12
    scores = random.normal(size=(rows, words, 7)) + np.array([1.5, 1, 1, 0.5, 0.5, 0, 0])
    every_word = np.ones((rows, words), dtype=bool)
    gold = best_legal_tags(scores, every_word)
    given = best_legal_tags(scores + random.normal(size=scores.shape) * 0.7, every_word)
    return gold.tolist(), given.tolist()


def test_the_recorded_tags_are_numbered_as_ours() -> None:
    assert tuple(RECORDED["tags"]) == bio_tags(LABELS)


def test_scores_equal_those_that_seqeval_gave() -> None:
    gold, given = ([list(map(int, row)) for row in RECORDED[side]] for side in ("gold", "given"))
    score = score_of(gold, given)
    assert 0.2 < score["f1"] < 0.9, "the recorded rows would not tell scores apart"
    for name in ("precision", "recall", "f1"):
        assert score[name] == pytest.approx(RECORDED[name])
    assert {label: score["labels"][label]["f1"] for label in LABELS} == pytest.approx(RECORDED["labels"])


@pytest.mark.parametrize("seed", range(8))
def test_scores_equal_the_strict_ones_of_nervaluate(seed: int) -> None:
    gold, given = drawn(seed, 40)
    names = bio_tags(LABELS)
    sides = [[[names[tag] for tag in row] for row in side] for side in (gold, given)]
    found = Evaluator(*sides, tags=list(LABELS), loader="list").evaluate()
    expected, score = found["overall"]["strict"], score_of(gold, given)
    for name in ("precision", "recall", "f1"):
        assert score[name] == pytest.approx(getattr(expected, name))
    for label in LABELS:
        assert score["labels"][label]["f1"] == pytest.approx(found["entities"][label]["strict"].f1)
        assert score["labels"][label]["support"] == found["entities"][label]["strict"].possible


def test_the_same_spans_in_another_order_score_the_same() -> None:
    gold, given = drawn(3, 20)
    task = Entities(labels=LABELS)
    spans = [spans_of(tags) for tags in gold]
    answers = [EntitiesAnswer(spans_of(tags)) for tags in given]
    turned = [EntitiesAnswer(tuple(reversed(answer.spans))) for answer in answers]
    assert task.score(spans, answers) == task.score([row[::-1] for row in spans], turned)
