"""Labels that are too seldom to be learned."""

from collections.abc import Callable

import pytest

from polyhead.data.dataset import load_dataset
from polyhead.data.label_oddities import FEW, odd_labels
from polyhead.recipe import Recipe


@pytest.mark.parametrize("count", [1, 2, FEW - 1, FEW])
def test_a_label_of_few_rows_is_named_at_its_first(
    count: int, save: Callable[..., str], make_recipe: Callable[..., Recipe]
) -> None:
    rows = [{"text": f"a {n}", "topic": "many"} for n in range(9)] + [{"text": "b", "topic": "few"}] * count
    tasks = {"topic": {"kind": "classification"}}
    recipe = make_recipe(tasks=tasks, splits={"train": [save(*rows)], "dev": [save(rows[0], name="dev.jsonl")]})
    found = [str(fault) for fault in odd_labels(load_dataset(recipe))]
    times = "once" if count == 1 else f"{count} times"
    expected = f"topic: a label should occur {FEW} times or more in train. Found 'few' {times}."
    assert found == ([f"rows.jsonl:10: {expected} Correct the label, or add rows that bear it."] if count < FEW else [])
