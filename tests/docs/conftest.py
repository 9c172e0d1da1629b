"""A folder in which what the pages show can be run, on data that is learned in moments."""

import io
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead.cli.app import main

URGENT = (("now", "yes"), ("some day", "no"))
ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fenced(text: str, language: str) -> list[str]:
    return [content for name, content in FENCE.findall(text) if name == language]


def read_page(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


class Program:
    """The program, run in this process and in the working folder."""

    def words_of(self, text: str) -> list[list[str]]:
        """Return the words of each line, without what follows a number sign."""
        return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]

    def __call__(self, *words: str) -> int:
        """Run a command and return its exit status."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["polyhead", *words])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a text\n")))
            try:
                main()
            except SystemExit as exit_:
                return int(exit_.code or 0)
        return 0


def short(recipe: str) -> str:
    """Make a recipe of the pages short: two epochs show that it runs."""
    return recipe + "\n[training]\nepochs = 2\n"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the files that the pages speak of, the first page's recipe and rows among them, and train a model."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "data").mkdir()
    (folder / "recipe.toml").write_text(short(fenced(read_page("README.md"), "toml")[0]), encoding="utf-8")
    rows = fenced(read_page("README.md"), "json")[0]
    flight = {
        "text": "Tom Reed flew to Oslo.",
        "topic": "travel",
        "entities": [{"start": 0, "end": 8, "label": "PERSON"}],
    }
    dev = {**flight, "category": flight["topic"]}
    del dev["topic"]
    (folder / "data" / "train.jsonl").write_text(rows + json.dumps(flight) + "\n", encoding="utf-8")
    (folder / "data" / "dev.jsonl").write_text(20 * (json.dumps(dev) + "\n"), encoding="utf-8")
    (folder / "data" / "test.jsonl").write_text(rows, encoding="utf-8")
    urgent = [{"text": f"Come {word}, number {number}", "urgent": of} for number in range(4) for word, of in URGENT]
    (folder / "data" / "urgent.jsonl").write_text("\n".join(map(json.dumps, urgent)), encoding="utf-8")
    (folder / "added.toml").write_text(fenced(read_page("docs/grow.md"), "toml")[0], encoding="utf-8")
    (folder / "texts.txt").write_text("One text\nAnother text\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert Program()("train", "recipe.toml", "--output", "runs/news") == 0
    return folder


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Copy the files for a page and go there; a page that trains `runs/news` itself finds none."""

    def make(page: str) -> Path:
        folder = tmp_path / "work"
        shutil.copytree(prepared, folder)
        if "--output runs/news" in read_page(page):
            shutil.rmtree(folder / "runs")
        monkeypatch.chdir(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def fences() -> Callable[[str, str], list[str]]:
    """Return what stands between fences of a language in a text."""
    return fenced


@pytest.fixture(scope="session")
def snippets() -> Callable[[str, str], list[str]]:
    """Return what stands between fences of a language on a page."""
    return lambda page, language: fenced(read_page(page), language)


@pytest.fixture(scope="session")
def call() -> Program:
    """Run the program."""
    return Program()
