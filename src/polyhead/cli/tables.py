"""Scores for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

LABEL_SCORES = ("precision", "recall", "f1", "support")


def show_metrics(console: Console, metrics: Mapping[str, Any], *, title: str, labels: bool = True) -> None:
    """Print a table of each task's scores, and one of each label's."""
    console.print(_task_table(metrics, title))
    all_right = metrics["all_right"]
    if all_right is not None:
        console.print(f"All tasks right at once: {all_right:.3f} of the rows labelled for every task.")
    if labels:
        console.print(_label_table(metrics["tasks"]))


def _task_table(metrics: Mapping[str, Any], title: str) -> Table:
    table = Table(title=f"{title}: {metrics['rows']:,} rows", title_justify="left")
    table.add_column("task")
    table.add_column("kind")
    for name in ("rows", "primary"):
        table.add_column(name, justify="right")
    table.add_column("scores")
    for name, scores in metrics["tasks"].items():
        numbers = [f"{key} {value:.3f}" for key, value in scores.items() if isinstance(value, float)]
        others = "  ".join(number for number in numbers if not number.startswith("primary "))
        cells = (name, scores["kind"], f"{scores['rows']:,}", f"{scores['primary']:.3f}", others)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _label_table(tasks: Mapping[str, Any]) -> Table:
    table = Table()
    table.add_column("task")
    table.add_column("label")
    for name in LABEL_SCORES:
        table.add_column(name, justify="right")
    for name, scores in tasks.items():
        for row, (label, of) in enumerate(scores.get("labels", {}).items()):
            numbers = [f"{of[key]:,}" if key == "support" else f"{of[key]:.3f}" for key in LABEL_SCORES]
            table.add_row(Text(name if row == 0 else ""), Text(label), *numbers)
        table.add_section()
    return table
