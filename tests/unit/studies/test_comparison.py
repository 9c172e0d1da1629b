"""What is compared over several tasks, and what is told of it."""

import json

import numpy as np
import pytest

from polyhead.studies.comparison import FEWEST_ROWS, Comparison, Cost, compare_models
from polyhead.studies.scoring import Scores

ROWS, GROUPS = 40, np.arange(40) % 4


def scores_of(*, topic: float, mood: float, right: int) -> Scores:
    """Give scores that no group changes; the first rows are right for topic, all are for mood."""
    primary = {"topic": np.full(5, topic), "mood": np.full(5, mood)}
    return Scores(primary, {"topic": np.arange(ROWS) < right, "mood": np.ones(ROWS, dtype=bool)})


@pytest.fixture
def alone() -> list[Scores]:
    return [scores_of(topic=0.5, mood=0.7, right=20), scores_of(topic=0.5, mood=0.7, right=20)]


@pytest.fixture
def together() -> list[Scores]:
    return [scores_of(topic=0.6, mood=0.6, right=30), scores_of(topic=0.6, mood=0.6, right=30)]


def test_each_task_and_their_mean_are_compared(alone: list[Scores], together: list[Scores]) -> None:
    found = compare_models(alone, together, complete=np.ones(ROWS, dtype=bool), groups=GROUPS)
    assert {name: of.difference for name, of in found.tasks.items()} == pytest.approx({"topic": 0.1, "mood": -0.1})
    assert (found.tasks["topic"].verdict, found.tasks["mood"].verdict) == ("helps", "hurts")
    assert found.mean.alone == found.mean.together == pytest.approx(0.6)


def test_all_right_counts_rows_that_every_task_has(alone: list[Scores], together: list[Scores]) -> None:
    complete = np.ones(ROWS, dtype=bool)
    found = compare_models(alone, together, complete=complete, groups=GROUPS).all_right
    assert found is not None
    assert (found.alone, found.together) == (0.5, 0.75)
    complete[:10] = False
    found = compare_models(alone, together, complete=complete, groups=GROUPS).all_right
    assert found is not None
    assert (found.alone, found.together) == pytest.approx((10 / 30, 20 / 30))


def test_too_few_complete_rows_are_not_compared(alone: list[Scores], together: list[Scores]) -> None:
    complete = np.zeros(ROWS, dtype=bool)
    assert compare_models(alone, together, complete=complete, groups=GROUPS).all_right is None
    complete[: FEWEST_ROWS - 1] = True
    assert compare_models(alone, together, complete=complete, groups=GROUPS).all_right is None


def test_the_json_holds_everything(alone: list[Scores], together: list[Scores]) -> None:
    differences = compare_models(alone, together, complete=np.zeros(ROWS, dtype=bool), groups=GROUPS)
    cost = Cost(megabytes=2.0, milliseconds_a_text=1.0, training_minutes=0.5)
    found = Comparison(split="dev", rows=8, seeds=(3, 4), differences=differences, together=cost, alone=cost)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["tasks"].keys() == {"topic", "mood"}
    assert document["tasks"]["topic"].keys() == {"alone", "together", "difference", "interval", "verdict", "seeds"}
    assert (document["split"], document["rows"], document["seeds"], document["all_right"]) == ("dev", 8, [3, 4], None)
    assert document["confidence"] == 0.95
    assert document["cost"]["together"] == {"megabytes": 2.0, "milliseconds_a_text": 1.0, "training_minutes": 0.5}
