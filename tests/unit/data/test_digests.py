"""A change of the data changes their digest, whatever they are kept in."""

from pathlib import Path

import pytest

from polyhead.data.digests import digest_of
from polyhead.folder import sha256_of
from polyhead.recipe import DataSource


@pytest.mark.parametrize("name", ["rows.jsonl", "folder"])
def test_a_change_of_a_file_changes_the_digest(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    file = tmp_path / (name if name == "rows.jsonl" else "folder/seq.in")
    file.write_text("a")
    digests = [digest_of(DataSource(path=name), folder=tmp_path) for _ in range(2)]
    file.write_text("b")
    digests.append(digest_of(DataSource(path=name), folder=tmp_path))
    assert digests[0] == digests[1] != digests[2]


def test_a_file_has_its_own_digest(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("a")
    assert digest_of(DataSource(path="rows.jsonl"), folder=tmp_path) == sha256_of(tmp_path / "rows.jsonl")


def test_a_set_of_the_hub_is_told_by_its_name(tmp_path: Path) -> None:
    names = ("owner/one", "owner/one", "owner/two")
    first, again, other = (digest_of(DataSource(path=name), folder=tmp_path) for name in names)
    assert first == again != other
