"""The page tells what the JSON does, and needs nothing beside itself."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from polyhead.errors import StorageError
from polyhead.studies.comparison import Comparison, Cost, Differences
from polyhead.studies.differences import Difference
from polyhead.studies.report import to_html, write_report


class Page(HTMLParser):
    """Collects the cells of a page, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.lines: list[dict[str, str | None]] = []
        self.fetched: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.fetched += [given[name] for name in ("src", "href") if name in given]
        if tag == "line":
            self.lines.append(given)
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += " ".join(data.split())


def difference(alone: float, together: float, reach: float) -> Difference:
    middle = together - alone
    return Difference(((alone, together), (alone, together)), (middle - reach, middle + reach))


@pytest.fixture
def comparison() -> Comparison:
    return Comparison(
        split="dev",
        rows=1200,
        seeds=(0, 1),
        differences=Differences(
            tasks={"<b>": difference(0.5, 0.54, 0.01), "mood": difference(0.7, 0.7, 0.02)},
            mean=difference(0.6, 0.62, 0.01),
            all_right=None,
        ),
        together=Cost(megabytes=10.0, milliseconds_a_text=1.5, training_minutes=2.0),
        alone=Cost(megabytes=20.0, milliseconds_a_text=3.0, training_minutes=3.0),
    )


def test_both_files_are_written(comparison: Comparison, tmp_path: Path) -> None:
    write_report(comparison, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text()) == comparison.to_json()
    assert (tmp_path / "report.html").read_text() == to_html(comparison)


def test_the_page_fetches_nothing_and_escapes_names(comparison: Comparison) -> None:
    text = to_html(comparison)
    page = Page(text)
    assert page.fetched == []
    assert "<script" not in text
    assert "<b>" in page.cells
    assert "<b>" not in text


def test_the_page_shows_scores_differences_and_costs(comparison: Comparison) -> None:
    cells = Page(to_html(comparison)).cells
    start = cells.index("<b>")
    assert cells[start : start + 5] == ["<b>", "50.0", "54.0", "+4.0", "+3.0 to +5.0"]
    assert cells[start + 6] == "helps"
    assert {"10.0 MB", "1.50 ms", "2.0 min", "50.0 / 54.0", "mean of the tasks"} <= set(cells)
    assert "all tasks right" not in cells


def test_the_picture_has_zero_in_the_middle(comparison: Comparison) -> None:
    lines = Page(to_html(comparison)).lines
    zero, interval, middle = lines[:3]
    assert zero["x1"] == zero["x2"] == "50"
    ends = [float(interval[end] or "nan") for end in ("x1", "x2")]
    assert 50 < ends[0] < float(middle["x1"] or "nan") < ends[1] == pytest.approx(98)


def test_rows_that_chose_the_epoch_are_told_of(comparison: Comparison) -> None:
    assert "chose the epoch" in to_html(comparison)


def test_a_folder_that_is_not_there_is_an_error_without_traceback(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"report\.json: cannot be written"):
        write_report(comparison, tmp_path / "none")
