"""Names that training never showed are scored apart."""

from collections.abc import Callable

import pytest

from polyhead.data.rows import Rows
from polyhead.spans import Span
from polyhead.tasks.entities import Entities, EntitiesAnswer
from polyhead.training.novelty import names_in, unseen_scores

ANNA, PARIS, OSLO = Span(0, 4, "PER", "Anna"), Span(8, 13, "LOC", "Paris"), Span(14, 18, "LOC", "Oslo")


def test_names_are_those_of_the_rows(rows_of: Callable[..., Rows]) -> None:
    rows = rows_of(
        {"places": Entities(labels=("LOC", "PER"))},
        {"text": "Anna in Paris", "places": [{"start": 0, "end": 4, "label": "PER"}]},
        {"text": "Paris", "places": [{"start": 0, "end": 5, "label": "LOC"}]},
        {"text": "nothing known"},
    )
    assert names_in(rows) == {"places": {("PER", "anna"), ("LOC", "paris")}}


def test_only_other_names_count() -> None:
    seen = frozenset({("LOC", "paris")})
    given = EntitiesAnswer((PARIS, OSLO))
    found = unseen_scores([(ANNA, PARIS, OSLO)], [given], seen)
    assert found == {"unseen_f1": pytest.approx(2 / 3), "unseen_support": 2}


def test_a_name_under_another_label_was_not_seen() -> None:
    assert unseen_scores([(PARIS,)], [EntitiesAnswer((PARIS,))], frozenset({("PER", "paris")}))["unseen_f1"] == 1.0


def test_a_wrong_new_name_is_in_vain() -> None:
    found = unseen_scores([(ANNA,)], [EntitiesAnswer((ANNA, OSLO))], frozenset())
    assert found == {"unseen_f1": pytest.approx(2 / 3), "unseen_support": 1}


def test_without_new_names_nothing_is_said() -> None:
    assert unseen_scores([(PARIS,)], [EntitiesAnswer(())], frozenset({("LOC", "paris")})) == {}
