"""A comparison as `report.json` for programs and `report.html` for people."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from polyhead.errors import StorageError
from polyhead.studies.comparison import Comparison
from polyhead.studies.differences import Difference

JSON, HTML = "report.json", "report.html"
TEMPLATE = "report.html.jinja"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report, in points of a hundred.

    Args:
        name: what was compared.
        of: the difference.
        low: where its interval begins on the picture, from 0 to 100.
        middle: where the difference lies on it.
        high: where its interval ends.
    """

    name: str
    of: Difference
    low: float
    middle: float
    high: float


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write both files into a folder.

    Raises:
        StorageError: they cannot be written.
    """
    documents = {
        JSON: json.dumps(comparison.to_json(), indent=1, ensure_ascii=False) + "\n",
        HTML: to_html(comparison),
    }
    for name, content in documents.items():
        try:
            (folder / name).write_text(content, encoding="utf-8")
        except OSError as error:
            message = f"{folder / name}: cannot be written. Found: {error.strerror or error}."
            raise StorageError(message) from error


def to_html(comparison: Comparison) -> str:
    """Return a page that needs nothing beside itself."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files("polyhead.studies").joinpath(TEMPLATE).read_text(encoding="utf-8")
    named = dict(named_differences(comparison))
    reach = max((abs(end) for of in named.values() for end in (*of.interval, of.difference)), default=0.0) or 1.0
    return environment.from_string(source).render(
        comparison=comparison, lines=[_line(name, of, reach) for name, of in named.items()], reach=reach
    )


def named_differences(comparison: Comparison) -> Iterator[tuple[str, Difference]]:
    """Yield the difference of each task, that of their mean, and that of all tasks right at once."""
    yield from comparison.differences.tasks.items()
    yield "mean of the tasks", comparison.differences.mean
    if comparison.differences.all_right is not None:
        yield "all tasks right", comparison.differences.all_right


def _line(name: str, of: Difference, reach: float) -> Line:
    low, middle, high = (50 + 48 * value / reach for value in (of.interval[0], of.difference, of.interval[1]))
    return Line(name, of, low, middle, high)
