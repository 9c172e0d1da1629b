"""Pictures of a training run as PNG files, on figures of their own: nobody's matplotlib settings change."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from polyhead.errors import StorageError

DOTS_PER_INCH = 120
BARS = 40
"""Labels that one picture has room for."""

NUMBERED_LABELS = 24
"""With more labels than these, the cells are too small for numbers."""


def draw_training(
    folder: Path, *, history: Sequence[Mapping[str, Any]], metrics: Mapping[str, Any] | None
) -> list[Path]:
    """Draw the curves of a run, and for every task what its metrics hold: confusion, scatter or scores of labels.

    Args:
        folder: where the pictures go; made when absent.
        history: one record for each evaluation: `step`, `losses`, and with dev rows `dev` and `score`.
        metrics: scores of the finished model on the rows that are reported, if there are any.

    Returns:
        The files that were written.

    Raises:
        StorageError: a file cannot be written.
    """
    pictures = {"training": training_curves(history)} if history else {}
    for name, scores in (metrics["tasks"] if metrics else {}).items():
        drawn = next((what for what in DRAWN if scores.get(what)), None)
        if drawn is not None:
            pictures[f"{drawn}-{name}"] = DRAWN[drawn](name, scores[drawn])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_save(figure, folder / f"{name}.png") for name, figure in pictures.items()]
    except OSError as error:
        message = f"{folder}: the pictures cannot be written. Found: {error.strerror or error}."
        raise StorageError(message) from error


def training_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw each task's mean loss, and with dev rows each task's primary metric, over the steps."""
    scored = [record for record in history if record.get("dev")]
    figure = Figure(figsize=(10 if scored else 5.5, 4), layout="constrained")
    panels = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
    _draw_lines(panels[0], history, "losses")
    panels[0].set_title("loss in training, mean of each epoch")
    panels[0].set_ylim(bottom=0)
    if scored:
        _draw_lines(panels[1], scored, "dev")
        steps, scores = [record["step"] for record in scored], [record["score"] for record in scored]
        panels[1].plot(steps, scores, color="black", linestyle="--", label="mean")
        best = max(range(len(scores)), key=lambda index: scores[index])
        panels[1].plot(steps[best], scores[best], marker="*", markersize=13, color="black", label="kept")
        panels[1].set_title("primary metric on dev")
        panels[1].set_ylim(0, 1.02)
    for panel in panels:
        panel.set_xlabel("optimiser step")
        panel.grid(visible=True, alpha=0.3)
        panel.legend()
    return figure


def confusion_matrix(task: str, confusion: Mapping[str, Any]) -> Figure:
    """Draw how often each gold label (rows) got each answer (columns); shades are shares of the row.

    Args:
        task: the task's name.
        confusion: `labels`, and `matrix` of counts, shape `(labels, labels)`.
    """
    labels, matrix = confusion["labels"], confusion["matrix"]
    shares = [[count / max(1, sum(row)) for count in row] for row in matrix]
    side = min(20.0, 2.5 + 0.55 * len(labels))
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    panel = figure.subplots()
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(labels))
    # Labels are the user's: a dollar sign in one is no formula.
    panel.set_xticks(ticks, labels, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    panel.set_yticks(ticks, labels, parse_math=False)
    panel.set_xlabel("answer")
    panel.set_ylabel("gold")
    panel.set_title(task, parse_math=False)
    figure.colorbar(image, label="share of the gold label", shrink=0.8)
    if len(labels) <= NUMBERED_LABELS:
        _write_counts(panel, matrix, shares)
    return figure


def scatter_plot(task: str, points: Mapping[str, Any]) -> Figure:
    """Draw answers against gold values, one point a row; where both have one unit, the right ones are on the line.

    Args:
        task: the task's name.
        points: `gold` and `given`, numbers of the same rows.
    """
    figure = Figure(figsize=(5, 5), layout="constrained")
    panel = figure.subplots()
    panel.scatter(points["gold"], points["given"], s=12, alpha=0.4)
    panel.set_xlabel("gold")
    panel.set_ylabel("answer")
    panel.set_title(task, parse_math=False)
    panel.grid(visible=True, alpha=0.3)
    return figure


def label_bars(task: str, labels: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw the F1 of each label, the most frequent one first.

    Args:
        task: the task's name.
        labels: `f1` and `support` of each label.
    """
    ranked = sorted(labels, key=lambda label: labels[label]["support"])[-BARS:]
    figure = Figure(figsize=(6, 1.2 + 0.28 * len(ranked)), layout="constrained")
    panel = figure.subplots()
    panel.barh(range(len(ranked)), [labels[label]["f1"] for label in ranked])
    panel.set_yticks(range(len(ranked)), ranked, parse_math=False)
    panel.set_xlim(0, 1)
    panel.set_xlabel("F1")
    panel.set_title(task, parse_math=False)
    return figure


DRAWN: Mapping[str, Callable[[str, Any], Figure]] = {
    "confusion": confusion_matrix,
    "scatter": scatter_plot,
    "labels": label_bars,
}
"""What draws which part of a task's metrics; of several parts, the first one is drawn."""


def _draw_lines(panel: Axes, history: Sequence[Mapping[str, Any]], key: str) -> None:
    for task in dict.fromkeys(name for record in history for name in record[key]):
        points = [(record["step"], record[key][task]) for record in history if task in record[key]]
        panel.plot(*zip(*points, strict=True), marker="o", markersize=3, label=task)


def _write_counts(panel: Axes, matrix: Sequence[Sequence[int]], shares: Sequence[Sequence[float]]) -> None:
    dark = 0.6
    for gold, counts in enumerate(matrix):
        for answer, count in enumerate(counts):
            colour = "white" if shares[gold][answer] > dark else "black"
            panel.text(answer, gold, str(count), ha="center", va="center", color=colour, fontsize=8)


def _save(figure: Figure, path: Path) -> Path:
    FigureCanvasAgg(figure).print_figure(path, format="png", dpi=DOTS_PER_INCH)
    return path
