"""An answer has one shape, whatever was asked."""

import json
from dataclasses import FrozenInstanceError

import pytest

from polyhead.answers import Answer, TaskAnswer
from polyhead.spans import Span
from polyhead.tasks.classification import ClassificationAnswer
from polyhead.tasks.entities import EntitiesAnswer

TEXT = "The Yellowstone National Park sees over four million visitors."
PARK = Span(4, 29, "LOC", "Yellowstone National Park", 0.88)


@pytest.fixture
def answer() -> Answer:
    topic = ClassificationAnswer("travel", 0.75, {"travel": 0.75, "politics": 0.25})
    return Answer(TEXT, truncated=False, tasks={"topic": topic, "places": EntitiesAnswer((PARK,))})


def test_an_answer_gives_each_task_by_its_name(answer: Answer) -> None:
    assert answer["topic"].label == "travel"
    assert answer["places"].spans == (PARK,)


def test_a_task_that_was_not_asked_is_a_key_error(answer: Answer) -> None:
    with pytest.raises(KeyError, match="sentiment"):
        answer["sentiment"]


def test_an_answer_turns_into_the_documented_json(answer: Answer) -> None:
    assert json.loads(json.dumps(answer.to_json())) == {
        "text": TEXT,
        "truncated": False,
        "windows": 1,
        "tasks": {
            "topic": {
                "kind": "classification",
                "label": "travel",
                "confidence": 0.75,
                "scores": {"travel": 0.75, "politics": 0.25},
            },
            "places": {
                "kind": "entities",
                "spans": [
                    {"start": 4, "end": 29, "label": "LOC", "text": "Yellowstone National Park", "confidence": 0.88}
                ],
            },
        },
    }


def test_the_kind_comes_first_in_the_json_of_a_task(answer: Answer) -> None:
    for task in answer.to_json()["tasks"].values():
        assert next(iter(task)) == "kind"


def test_an_answer_cannot_be_changed(answer: Answer) -> None:
    with pytest.raises(FrozenInstanceError):
        answer.text = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        answer.tasks["topic"] = answer["places"]  # type: ignore[index]


def test_an_answer_does_not_follow_the_mapping_it_was_made_from() -> None:
    tasks: dict[str, TaskAnswer] = {"places": EntitiesAnswer(())}
    answer = Answer("", truncated=False, tasks=tasks)
    tasks.clear()
    assert list(answer.tasks) == ["places"]


def test_changing_the_json_does_not_change_the_answer(answer: Answer) -> None:
    answer.to_json()["tasks"]["topic"]["scores"].clear()
    assert answer["topic"].scores == {"travel": 0.75, "politics": 0.25}


def test_equal_answers_are_equal(answer: Answer) -> None:
    assert answer == Answer(TEXT, truncated=False, tasks=dict(answer.tasks))


def test_a_task_answer_without_a_json_form_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        TaskAnswer()  # type: ignore[abstract]
