"""An output folder belongs to one training, and is left as it was found when nothing was saved."""

import shutil
from pathlib import Path

import pytest

from polyhead.errors import StorageError, UsageError
from polyhead.training.claiming import claimed


def test_a_run_that_saved_nothing_leaves_no_folder(tmp_path: Path) -> None:
    with claimed(tmp_path / "model", resume=False):
        pass

    assert not (tmp_path / "model").exists()


def test_a_folder_with_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(UsageError, match="must be a new folder"), claimed(tmp_path, resume=False):
        pass


def test_a_folder_has_one_training_at_a_time(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "model", resume=False),
        pytest.raises(UsageError, match="one run at a time"),
        claimed(tmp_path / "model", resume=True),
    ):
        pass


def test_what_went_wrong_is_told_even_when_the_folder_is_gone(tmp_path: Path) -> None:
    def fails_without_its_folder() -> None:
        with claimed(tmp_path / "model", resume=False):
            shutil.rmtree(tmp_path / "model")
            message = "the checkpoint must be written"
            raise StorageError(message)

    with pytest.raises(StorageError, match="must be written"):
        fails_without_its_folder()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="must be a folder that can be made and written"):  # noqa: SIM117
        with claimed(tmp_path / "file" / "model", resume=False):
            pass
