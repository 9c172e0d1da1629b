"""An answer for people: entities highlighted in the text, a bar for each label."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from polyhead.answers import Answer

COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
BAR_WIDTH = 20
LABELS_SHOWN = 3


def show_answer(console: Console, answer: Answer) -> None:
    """Print a text and what each task says about it."""
    document = answer.to_json()
    console.print(highlighted(answer.text, document["tasks"]), soft_wrap=True)
    if answer.truncated:
        console.print(Text("  too long for the encoder: its end was not read", style="red"))
    lines = Table.grid(padding=(0, 2))
    for name, task in document["tasks"].items():
        for row, (what, detail) in enumerate(_lines(task)):
            lines.add_row("", Text(name if row == 0 else "", style="bold"), what, detail)
    console.print(lines)
    console.print()


def highlighted(text: str, tasks: Mapping[str, Any]) -> Text:
    """Colour the spans that any task found in a text, one colour a label."""
    shown = Text(text)
    spans = [span for task in tasks.values() for span in task.get("spans", ())]
    for span in spans:
        shown.stylize(f"bold {_colour(span['label'], spans)}", span["start"], span["end"])
    return shown


def _lines(task: Mapping[str, Any]) -> list[tuple[Text, Text]]:
    """Turn one task's answer, in the shape that every answer has, into lines of two parts."""
    if "scores" in task:
        ranked = sorted(task["scores"].items(), key=lambda item: -item[1])[:LABELS_SHOWN]
        return [(Text(label), _bar(score)) for label, score in ranked]
    if "spans" in task:
        spans = task["spans"]
        found = [(Text(span["label"], style=_colour(span["label"], spans)), _span(span)) for span in spans]
        return found or [(Text("none found", style="dim"), Text())]
    return [(Text(str({key: value for key, value in task.items() if key != "kind"})), Text())]


def _bar(score: float) -> Text:
    full = round(score * BAR_WIDTH)
    return Text.assemble(("█" * full, "cyan"), ("·" * (BAR_WIDTH - full), "dim"), f" {score:.2f}")


def _span(span: Mapping[str, Any]) -> Text:
    place = f"  {span['start']}-{span['end']}  {span['confidence']:.2f}"
    return Text.assemble(span["text"], (place, "dim"))


def _colour(label: str, spans: Sequence[Mapping[str, Any]]) -> str:
    labels = list(dict.fromkeys(span["label"] for span in spans))
    return COLOURS[labels.index(label) % len(COLOURS)]
