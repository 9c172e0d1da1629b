"""A kind word leads to one class, and to no import that it does not name."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from polyhead import registry
from polyhead.registry import FAMILIES, UnknownKindError, find, kinds
from polyhead.tasks.classification import Classification


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_every_family_is_found(family: str) -> None:
    assert kinds(family)
    for kind in kinds(family):
        assert find(family, kind).kind == kind


def test_kinds_are_listed_in_order_and_without_the_base() -> None:
    assert list(kinds("tasks")) == sorted(kinds("tasks"))
    assert "base" not in kinds("tasks")


def test_an_unknown_kind_lists_the_known_ones_and_suggests_the_closest() -> None:
    with pytest.raises(UnknownKindError) as caught:
        find("tasks", "clasification")
    for part in (
        "'classification', 'embedding', 'entities'",
        "Found 'clasification'",
        "did you mean 'classification'?",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("word", ["base", "__init__", "os", "..errors", "classification.Classification", "", "a b"])
def test_a_word_that_is_no_kind_imports_nothing(word: str) -> None:
    kinds("tasks")
    before = set(sys.modules)
    with pytest.raises(UnknownKindError):
        find("tasks", word)
    assert set(sys.modules) == before


def test_listing_kinds_imports_none_of_them() -> None:
    code = (
        "import sys; from polyhead import registry; registry.kinds('tasks');"
        "sys.exit('polyhead.tasks.entities' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_plug_in_is_listed_and_loaded_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("stance", "polyhead.tasks.classification:Classification", "polyhead.tasks")
    monkeypatch.setattr(registry, "_plug_ins", lambda _family: {"stance": point})
    assert "stance" in kinds("tasks")
    assert find("tasks", "stance") is Classification


def test_a_plug_in_cannot_take_the_word_of_a_built_in_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("classification", "json:JSONDecoder", "polyhead.tasks")
    monkeypatch.setattr(registry, "_plug_ins", lambda _family: {"classification": point})
    assert find("tasks", "classification") is Classification
