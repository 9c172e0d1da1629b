import io

from rich.console import Console

from polyhead.answers import Answer
from polyhead.cli.showing import highlighted, show_answer
from polyhead.spans import Span
from polyhead.tasks.classification import ClassificationAnswer
from polyhead.tasks.entities import EntitiesAnswer


def shown(answer: Answer, *, terminal: bool) -> str:
    colours = "standard" if terminal else None
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False, color_system=colours)
    show_answer(console, answer)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def answer(text: str = "Ada met Milo", *spans: Span) -> Answer:
    scores = {"sports": 0.75, "travel": 0.2, "politics": 0.04, "other": 0.01}
    tasks = {"topic": ClassificationAnswer("sports", 0.75, scores), "people": EntitiesAnswer(spans)}
    return Answer(text, truncated=False, tasks=tasks)


def test_a_bar_is_as_long_as_the_score() -> None:
    lines = shown(answer(), terminal=False).splitlines()
    sports = next(line for line in lines if "sports" in line)
    assert sports.count("█") == 15
    assert "0.75" in sports


def test_the_best_labels_come_first_and_the_rest_is_left_out() -> None:
    text = shown(answer(), terminal=False)
    assert text.index("sports") < text.index("travel") < text.index("politics")
    assert "other" not in text


def test_spans_are_listed_with_place_and_confidence() -> None:
    text = shown(answer("Ada met Milo", Span(8, 12, "PERSON", "Milo", 0.5)), terminal=False)
    assert "PERSON    Milo  8-12  0.50" in text


def test_no_span_is_said() -> None:
    assert "none found" in shown(answer(), terminal=False)


def test_spans_are_coloured_in_the_text_on_a_terminal() -> None:
    spans = Span(0, 3, "PERSON", "Ada", 0.9), Span(8, 12, "PERSON", "Milo", 0.5)
    assert "\x1b[" in shown(answer("Ada met Milo", *spans), terminal=True)
    assert "\x1b[" not in shown(answer("Ada met Milo", *spans), terminal=False)


def test_each_label_has_its_colour() -> None:
    spans = [{"start": 0, "end": 1, "label": "A"}, {"start": 2, "end": 3, "label": "B"}]
    styles = [str(span.style) for span in highlighted("x y", {"task": {"spans": spans}}).spans]
    assert len(set(styles)) == 2


def test_an_answer_of_another_kind_shows_its_fields() -> None:
    class Score(ClassificationAnswer):
        def to_json(self) -> dict:
            return {"kind": "regression", "value": 3.2}

    text = shown(Answer("x", truncated=False, tasks={"stars": Score("a", 1.0, {})}), terminal=False)
    assert "3.2" in text
