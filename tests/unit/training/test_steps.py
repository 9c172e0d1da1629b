"""From row numbers to labelled batches."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from polyhead.data.order import Draw
from polyhead.data.rows import Rows
from polyhead.data.swaps import EntitySwapper
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.embedding import Embedding
from polyhead.tasks.entities import Entities
from polyhead.tasks.tagging import Tagging
from polyhead.text.tokens import TextTokenizer
from polyhead.training.steps import BatchMaker, step_seed

TASKS: dict[str, Task] = {
    "topic": Classification(labels=("a", "b")),
    "places": Entities(labels=("LOC",)),
    "tags": Tagging(labels=("N", "V")),
    "meaning": Embedding(),
    "unused": Classification(labels=("a", "b"), weight=0.0),
}
LONG = " ".join(["red sky", "blue sea"] * 30)
RECORDS = (
    {"text": "red sky", "topic": "a", "places": [{"start": 0, "end": 3, "label": "LOC"}], "unused": "a"},
    {"text": "blue", "meaning": {"positive": "green sea", "negative": "red"}, "topic": "b"},
    {"text": "sea", "text_pair": "blue sky", "meaning": 1.0},
    {"text": LONG, "places": [], "topic": "b"},
    {"text": "green sea", "tokens": [0, 9], "tags": ["N"]},
)


@pytest.fixture
def rows(rows_of: Callable[..., Rows]) -> Rows:
    return rows_of(TASKS, *RECORDS)


def maker(rows: Rows, tokenizer: TextTokenizer, *, limit: int = 1000, seed: int = 1) -> BatchMaker:
    return BatchMaker(rows, TASKS, tokenizer=tokenizer, swapper=None, limit=limit, seed=seed)


def draw(rows: Sequence[int], tasks: Iterable[str] = TASKS) -> Draw:
    return Draw(np.array(rows), tuple(name for name in tasks if TASKS[name].weight))


def test_tasks_without_labels_or_weight_have_no_targets(rows: Rows, tokenizer: TextTokenizer) -> None:
    labelled = maker(rows, tokenizer).make(draw([0]), epoch=0)
    assert set(labelled.targets) == {"topic", "places"}
    assert labelled.joining is None
    assert labelled.targets["places"].count == 2


def test_only_the_tasks_of_a_draw_learn_from_it(rows: Rows, tokenizer: TextTokenizer) -> None:
    made = maker(rows, tokenizer)
    labelled = made.make(draw([0, 1], ["topic"]), epoch=0)
    assert set(labelled.targets) == {"topic"}
    assert len(labelled.batch.ids) == 2
    assert set(made.make(draw([0, 1], ["topic"]), epoch=0, rank=2, world=3).targets) == set()


def test_a_pair_is_read_at_once(rows: Rows, tokenizer: TextTokenizer) -> None:
    labelled = maker(rows, tokenizer).make(draw([2]), epoch=0)
    assert labelled.batch.ids[0].tolist() == [2, 8, 3, 6, 7, 3]


def test_sides_come_after_the_rows_and_are_read_apart(rows: Rows, tokenizer: TextTokenizer) -> None:
    labelled = maker(rows, tokenizer).make(draw([0, 1, 2]), epoch=0)
    meaning = labelled.targets["meaning"]
    assert (meaning.begin, meaning.end, meaning.count) == (3, 8, 2)
    assert [row[row > 3].tolist() for row in labelled.batch.ids[3:]] == [[6], [5, 8], [4], [8], [6, 7]]
    assert (labelled.targets["topic"].begin, labelled.targets["topic"].end) == (0, 3)


def test_given_tokens_are_what_is_tagged(rows: Rows, tokenizer: TextTokenizer) -> None:
    tags = maker(rows, tokenizer).make(draw([4]), epoch=0).targets["tags"]
    assert tags.count == 1
    assert tags.values[0].tolist() == [-100, 0, -100, -100]


def test_a_long_row_is_trained_in_the_windows_that_it_is_answered_in(rows: Rows, tokenizer: TextTokenizer) -> None:
    labelled = maker(rows, tokenizer).make(draw([0, 3]), epoch=0)
    (text,) = tokenizer.tokenize([LONG])
    assert labelled.joining is not None
    assert len(labelled.batch.ids) == 1 + text.passes
    assert labelled.targets["places"].count == 2 + 120
    assert labelled.targets["places"].tokens == 122


def test_of_a_row_that_is_longer_than_a_batch_each_epoch_has_other_windows(
    rows: Rows, tokenizer: TextTokenizer
) -> None:
    made = [maker(rows, tokenizer, limit=30).make(draw([3]), epoch=epoch) for epoch in range(8)]
    assert {len(labelled.batch.ids) for labelled in made} == {3}
    assert all(labelled.targets["topic"].count == 1 for labelled in made)
    assert len({labelled.batch.ids.tobytes() for labelled in made}) > 1
    again = maker(rows, tokenizer, limit=30).make(draw([3]), epoch=5)
    assert np.array_equal(again.batch.ids, made[5].batch.ids)


def test_a_window_that_is_longer_than_a_batch_is_read_all_the_same(rows: Rows, tokenizer: TextTokenizer) -> None:
    labelled = maker(rows, tokenizer, limit=3).make(draw([3]), epoch=0)
    assert labelled.batch.ids.shape == (1, 10)


def test_processes_share_the_rows_of_a_batch(rows: Rows, tokenizer: TextTokenizer) -> None:
    parts = [maker(rows, tokenizer).make(draw([0, 1]), epoch=0, rank=rank, world=3) for rank in range(3)]
    assert [part.targets["topic"].count if part.targets else 0 for part in parts] == [1, 1, 0]
    assert len(parts[2].batch.ids) == 1


def test_swapped_texts_lose_the_borders_of_their_tokens(rows_of: Callable[..., Rows], tokenizer: TextTokenizer) -> None:
    span = {"start": 0, "end": 3, "label": "LOC"}
    tasks = {"places": TASKS["places"]}
    rows = rows_of(
        tasks, *({"text": f"{word} sky", "tokens": [0, 3, 4, 7], "places": [span]} for word in ("red", "sea"))
    )
    swapper = EntitySwapper(rows, probability=1.0, seed=0)
    made = BatchMaker(rows, tasks, tokenizer=tokenizer, swapper=swapper, limit=100, seed=0)
    labelled = made.make(draw([0, 1], tasks), epoch=0)
    assert labelled.targets["places"].count == 4
    assert set(labelled.batch.texts) != {"red sky", "sea sky"}


def test_seeds_of_steps_and_their_parts_differ() -> None:
    seeds = {step_seed(seed, step, part) for seed in range(3) for step in range(3) for part in range(3)}
    assert len(seeds) == 27
