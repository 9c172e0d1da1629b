import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "pretraining"
LISTING = """\
| file | what | source | licence |
|---|---|---|---|
| harbour.txt | sentences about a harbour | written for these tests | CC0 |
| kitchen.txt | sentences about a kitchen | written for these tests, too | CC BY 4.0 |
"""
PEOPLE = ("Maria", "Søren", "The captain", "My sister", "An old sailor", "Zoë", "Nobody", "The cook")
PLACES = ("in the harbour", "near Naxos", "at the market", "behind the mill", "by the river", "in Łódź")
DEEDS = ("mended the nets", "sold fresh bread", "waited for the ferry", "counted the boats", "peeled potatoes")
TIMES = ("every morning", "in March", "while the wind was strong", "before the shops opened", "on 4 July")


@pytest.fixture(scope="session", autouse=True)
def _scripts() -> Iterator[None]:
    """Let tests import the scripts as they import each other."""
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two files with a few hundred passages, and what they are."""
    folder = tmp_path_factory.mktemp("text")
    passages = [
        f"{who} {did} {where} {when}. {other} {done} {when}, and then {did} again."
        for who, other in zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True)
        for did, done in zip(DEEDS, DEEDS[2:] + DEEDS[:2], strict=True)
        for where in PLACES
        for when in TIMES[:3]
    ]
    (folder / "harbour.txt").write_text("\n".join(passages[::2]), encoding="utf-8")
    (folder / "kitchen.txt").write_text("\n\n".join(passages[1::2]) + "\n" + passages[0], encoding="utf-8")
    (folder / "SOURCE.md").write_text(LISTING, encoding="utf-8")
    return folder
