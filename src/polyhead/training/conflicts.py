"""How the gradients of the tasks agree: as numbers for the trackers, and as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from polyhead.errors import StorageError
from polyhead.training.joining import cosines

DOTS_PER_INCH = 120


def conflict_record(step: int, tasks: Sequence[str], gramian: Tensor) -> dict[str, Any]:
    """Turn the inner products of the tasks' gradients into the cosine of each pair.

    Args:
        step: of the training.
        tasks: in the order of the rows.
        gramian: inner products, shape `(tasks, tasks)`.
    """
    found = cosines(gramian).tolist()
    numbered = list(enumerate(tasks))
    pairs = [{"tasks": [a, b], "cosine": found[i][j]} for i, a in numbered for j, b in numbered if i < j]
    return {"step": step, "pairs": pairs}


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
    """Name the cosines of a record for the trackers."""
    return {"conflict/" + "-".join(pair["tasks"]): pair["cosine"] for pair in record["pairs"]}


def draw_conflicts(folder: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write `conflicts.png`.

    Args:
        folder: where the picture goes.
        records: of a run: `step`, and `pairs` of `tasks` with their `cosine`.

    Raises:
        StorageError: it cannot be written.
    """
    path = folder / "conflicts.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        FigureCanvasAgg(conflict_map(records)).print_figure(path, format="png", dpi=DOTS_PER_INCH)
    except OSError as error:
        message = f"{path}: the picture cannot be written. Found: {error.strerror or error}."
        raise StorageError(message) from error
    return path


def conflict_map(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the mean cosine of each pair of tasks over a run; below 0 they pull apart."""
    found: dict[tuple[str, str], list[float]] = {}
    for record in records:
        for pair in record["pairs"]:
            first, second = pair["tasks"]
            found.setdefault((first, second), []).append(pair["cosine"])
    tasks = list(dict.fromkeys(task for pair in found for task in pair))
    means = {pair: fmean(values) for pair, values in found.items()}
    cells = [[1.0 if a == b else means.get((a, b), means.get((b, a), float("nan"))) for b in tasks] for a in tasks]
    side = max(3.5, 1.8 + 0.9 * len(tasks))
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    panel = figure.subplots()
    image = panel.imshow(cells, cmap="RdBu", vmin=-1, vmax=1)
    panel.set_xticks(range(len(tasks)), tasks, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    panel.set_yticks(range(len(tasks)), tasks, parse_math=False)
    panel.set_title("mean cosine of the gradients")
    for row, values in enumerate(cells):
        for column, value in enumerate(values):
            panel.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9)
    figure.colorbar(image, label="cosine", shrink=0.8)
    return figure
