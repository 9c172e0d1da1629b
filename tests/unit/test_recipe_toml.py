from pathlib import Path

import pytest

from polyhead.errors import RecipeError
from polyhead.recipe_toml import override, read_toml


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("training.epochs=5", 5),
        ("training.epochs = 5", 5),
        ("training.epochs=2e-5", 2e-5),
        ("training.epochs=true", True),
        ("training.epochs=compact", "compact"),
        ("training.epochs='5'", "5"),
        ("training.epochs=BAAI/bge-large", "BAAI/bge-large"),
        ("training.epochs=a=b", "a=b"),
        ("training.epochs=", ""),
        ("training.epochs=['a', 'b']", ["a", "b"]),
        ("training.epochs=1\nother = 2", "1\nother = 2"),
        ("training.epochs=" + "[" * 5000, "[" * 5000),
        ("training.epochs=" + "9" * 5000, "9" * 5000),
    ],
)
def test_an_override_takes_a_toml_value_or_a_string(assignment: str, value: object) -> None:
    document = {"training": {"epochs": 3, "seed": 1}}
    assert override(document, assignment) is None
    assert document == {"training": {"epochs": value, "seed": 1}}


def test_an_override_makes_the_tables_it_needs() -> None:
    document: dict[str, object] = {}
    assert override(document, "tasks.topic.weight=2.0") is None
    assert document == {"tasks": {"topic": {"weight": 2.0}}}


@pytest.mark.parametrize("path", ["data.train[1].path", "data.train.1.path"])
def test_an_override_reaches_into_lists(path: str) -> None:
    document = {"data": {"train": [{"path": "a"}, {"path": "b"}]}}
    assert override(document, f"{path}=c.jsonl") is None
    assert document["data"]["train"] == [{"path": "a"}, {"path": "c.jsonl"}]


@pytest.mark.parametrize("assignment", ["", "training.epochs", "=5", ".=5"])
def test_an_override_must_be_an_assignment(assignment: str) -> None:
    assert "must read path=value." in str(override({}, assignment))


@pytest.mark.parametrize("path", ["seed.x", "seed.x.y", "train[2].path", "train.first", "train[-1]"])
def test_an_override_that_leads_nowhere_is_a_fault_and_changes_nothing(path: str) -> None:
    document = {"seed": 3, "train": [{}, {}]}
    fault = override(document, f"{path}=5")
    assert fault.where == f"--set {path}=5"
    assert "must lead to a key of the recipe. Found no " in fault.rule
    assert document == {"seed": 3, "train": [{}, {}]}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[encoder]\nname = compact\n", ":2"),
        (b"a = 1\r\na = 2\r\n", ":2"),
        (b"[encoder", ""),
        (b"a = " + b"[" * 5000, ""),
        (b"a = " + b"9" * 5000, ""),
    ],
)
def test_what_is_no_toml_is_one_fault_with_its_line(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read_toml(path)
    (fault,) = caught.value.faults
    assert fault.where == f"{path}{line}"
    assert "must be TOML. Found: " in fault.rule


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes("\ufeffname = '''a\r\nb'''\r\n".encode())
    assert read_toml(path) == {"name": "a\nb"}


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_file_that_cannot_be_read_is_one_fault(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="must be a file that can be read") as caught:
        read_toml(tmp_path / name)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_told_as_what_it_is(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes('name = "é"'.encode(encoding))
    with pytest.raises(RecipeError, match="Save the file again as UTF-8"):
        read_toml(path)
