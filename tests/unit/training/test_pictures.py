import struct
from pathlib import Path

import matplotlib as mpl
import pytest

from polyhead.errors import StorageError
from polyhead.training.pictures import NUMBERED_LABELS, confusion_matrix, draw_training, training_curves

HISTORY = [
    {
        "epoch": 1,
        "step": 10,
        "losses": {"topic": 1.2, "names": 2.0},
        "dev": {"topic": 0.4, "names": 0.1},
        "score": 0.25,
    },
    {
        "epoch": 2,
        "step": 20,
        "losses": {"topic": 0.7, "names": 1.0},
        "dev": {"topic": 0.8, "names": 0.5},
        "score": 0.65,
    },
    {"epoch": 3, "step": 30, "losses": {"topic": 0.5}, "dev": {"topic": 0.7, "names": 0.4}, "score": 0.55},
]
CONFUSION = {"labels": ["a", "b"], "matrix": [[3, 1], [0, 2]]}
METRICS = {"tasks": {"topic": {"kind": "classification", "confusion": CONFUSION}, "names": {"kind": "entities"}}}


def size_of(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def test_curves_and_a_matrix_for_each_classification_are_files(tmp_path: Path) -> None:
    written = draw_training(tmp_path / "pictures", history=HISTORY, metrics=METRICS)
    assert [path.name for path in written] == ["training.png", "confusion-topic.png"]
    for path in written:
        assert min(size_of(path)) > 200


def test_nothing_to_draw_is_no_file(tmp_path: Path) -> None:
    assert draw_training(tmp_path, history=[], metrics=None) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="the pictures cannot be written"):
        draw_training(tmp_path / "file" / "pictures", history=HISTORY, metrics=None)


def test_every_task_has_a_line_for_its_loss_and_one_for_its_metric() -> None:
    losses, scores = training_curves(HISTORY).axes
    assert [line.get_label() for line in losses.lines] == ["topic", "names"]
    assert list(losses.lines[1].get_xdata()) == [10, 20]
    assert [line.get_label() for line in scores.lines] == ["topic", "names", "mean", "kept"]


def test_the_best_evaluation_is_marked() -> None:
    kept = training_curves(HISTORY).axes[1].lines[-1]
    assert (list(kept.get_xdata()), list(kept.get_ydata())) == ([20], [0.65])


def test_without_dev_rows_the_losses_stand_alone() -> None:
    history = [{"epoch": 1, "step": 5, "losses": {"topic": 1.0}, "score": None}]
    assert len(training_curves(history).axes) == 1


def test_rows_of_the_matrix_are_shaded_by_their_share() -> None:
    panel = confusion_matrix("topic", CONFUSION).axes[0]
    assert panel.images[0].get_array().tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert sorted(text.get_text() for text in panel.texts) == ["0", "1", "2", "3"]


def test_a_label_that_never_occurs_is_no_division_by_zero() -> None:
    panel = confusion_matrix("topic", {"labels": ["a", "b"], "matrix": [[0, 0], [0, 2]]}).axes[0]
    assert panel.images[0].get_array().tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_with_many_labels_the_cells_bear_no_numbers() -> None:
    count = NUMBERED_LABELS + 1
    confusion = {"labels": [f"label {number}" for number in range(count)], "matrix": [[1] * count] * count}
    assert list(confusion_matrix("topic", confusion).axes[0].texts) == []


def test_a_dollar_sign_in_a_label_is_no_formula(tmp_path: Path) -> None:
    confusion = {"labels": ["$x_{", "5 $ to 10 $"], "matrix": [[1, 0], [0, 1]]}
    metrics = {"tasks": {"price": {"kind": "classification", "confusion": confusion}}}
    assert len(draw_training(tmp_path, history=[], metrics=metrics)) == 1


def test_nobodys_settings_change(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    draw_training(tmp_path, history=HISTORY, metrics=METRICS)
    assert dict(mpl.rcParams) == before
