"""What is compared with what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from polyhead.data.rows import Rows
from polyhead.runtime.engine import EngineOutputs
from polyhead.runtime.predictor import Predictor
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.embedding import Embedding
from polyhead.tasks.multilabel import Multilabel
from polyhead.tasks.tagging import Tagging
from polyhead.text.tokens import TextTokenizer, TokenBatch
from polyhead.training.evaluation import evaluate, overall, tuned_tasks

TASKS: dict[str, Task] = {
    "color": Classification(labels=("red", "green", "blue")),
    "same": Classification(labels=("no", "yes")),
    "tags": Tagging(labels=("N", "V")),
    "meaning": Embedding(),
    "moods": Multilabel(labels=("calm",)),
}


@dataclass
class WordEngine:
    """Answers by the words themselves: the color by the first one, `yes` where there is a second text."""

    asked: list[tuple[str, ...]]
    scale: ClassVar[float] = 9.0

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        self.asked.append(tuple(tasks))
        counts = np.stack([(batch.ids == word).sum(axis=1) for word in range(4, 9)], axis=1).astype(np.float32)
        pair = (batch.ids == 3).sum(axis=1) > 1
        tokens = np.zeros((*batch.ids.shape, 2), dtype=np.float32)
        tokens[..., 1] = np.where(batch.ids >= 7, -1.0, 1.0)
        of = {
            "color": counts[:, :3] * self.scale,
            "same": np.stack([~pair, pair], axis=1) * self.scale,
            "tags": tokens,
            "moods": counts[:, 3:4] - 2.0,
        }
        return EngineOutputs({name: of[name] for name in tasks if name in of}, counts)


@pytest.fixture
def engine() -> WordEngine:
    return WordEngine([])


@pytest.fixture
def predictor(tokenizer: TextTokenizer, engine: WordEngine) -> Predictor:
    return Predictor(tasks=TASKS, tokenizer=tokenizer, engine=engine)


def test_pairs_and_given_tokens_reach_the_model(rows_of: Callable[..., Rows], predictor: Predictor) -> None:
    rows = rows_of(
        TASKS,
        {"text": "red sky", "text_pair": "sea", "same": "yes", "color": "red"},
        {"text": "red sky", "same": "no", "tokens": [0, 7], "tags": ["V"]},
    )
    scores = evaluate(predictor, rows)
    assert scores["tasks"]["same"]["primary"] == scores["tasks"]["tags"]["primary"] == 1.0
    assert scores["tasks"]["same"]["rows"] == 2
    assert scores["rows"] == 2
    assert scores["all_right"] is None


def test_the_sides_of_a_row_are_asked_about_apart(
    rows_of: Callable[..., Rows], predictor: Predictor, engine: WordEngine
) -> None:
    rows = rows_of(
        TASKS,
        {"text": "red", "text_pair": "red", "meaning": 1.0},
        {"text": "red sky", "text_pair": "red sea", "meaning": 0.5},
        {"text": "blue", "text_pair": "sky", "meaning": 0.0},
        {"text": "blue"},
    )
    scores = evaluate(predictor, rows)["tasks"]["meaning"]
    assert scores["spearman"] == pytest.approx(1.0)
    assert scores["rows"] == 3
    # A task without a head is named too: where tasks do not share a pass, the embedding costs one.
    assert ("meaning",) in engine.asked


def test_all_right_counts_rows_that_are_labelled_for_every_task(
    rows_of: Callable[..., Rows], tokenizer: TextTokenizer, engine: WordEngine
) -> None:
    tasks = {name: TASKS[name] for name in ("color", "meaning")}
    predictor = Predictor(tasks=tasks, tokenizer=tokenizer, engine=engine)
    rows = rows_of(
        tasks,
        {"text": "red", "color": "red", "meaning": "red sky"},
        {"text": "red", "color": "blue", "meaning": "red sky"},
        {"text": "red", "color": "blue"},
    )
    assert evaluate(predictor, rows)["all_right"] == 0.5


def test_thresholds_are_tuned_on_what_the_model_answers(rows_of: Callable[..., Rows], predictor: Predictor) -> None:
    records = [{"text": "sky", "moods": ["calm"]}] * 6 + [{"text": "sea", "moods": []}] * 6
    rows = rows_of(TASKS, *records)
    tasks = tuned_tasks(predictor, rows)
    assert tasks["color"] is TASKS["color"]
    tuned = tasks["moods"]
    assert isinstance(tuned, Multilabel)
    assert tuned.thresholds is not None
    low, high = 1 / (1 + np.e**2), 1 / (1 + np.e)
    assert low < tuned.thresholds[0] < high
    assert evaluate(predictor, rows)["tasks"]["moods"]["primary"] == 0.0
    again = Predictor(tasks=tasks, tokenizer=predictor._tokenizer, engine=WordEngine([]))  # noqa: SLF001
    assert evaluate(again, rows)["tasks"]["moods"]["primary"] == 1.0


def test_where_nothing_is_tuned_no_text_is_read(
    rows_of: Callable[..., Rows], tokenizer: TextTokenizer, engine: WordEngine
) -> None:
    tasks = {"color": TASKS["color"]}
    predictor = Predictor(tasks=tasks, tokenizer=tokenizer, engine=engine)
    assert tuned_tasks(predictor, rows_of(tasks, {"text": "red", "color": "red"})) == tasks
    assert not engine.asked


def test_the_best_epoch_is_picked_by_weighted_means() -> None:
    tasks = {"a": Classification(metric_weight=3.0), "b": Classification(), "c": Classification()}
    metrics = {"a": {"rows": 2, "primary": 1.0}, "b": {"rows": 2, "primary": 0.5}, "c": {"rows": 0, "primary": 0.0}}
    assert overall(tasks, {"tasks": metrics}) == pytest.approx((3 * 1.0 + 0.5) / 4)
    assert overall(tasks, {"tasks": {}}) == 0.0
