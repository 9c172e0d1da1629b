"""Everything that the pages show is run."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from polyhead.data.reading import read_rows
from polyhead.recipe import DataSource, load_recipe, parse_recipe
from polyhead.training.card import model_card

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]
Workplace = Callable[[str], Path]
Snippets = Callable[[str, str], list[str]]


class Program(Protocol):
    """The program, run in this process."""

    def words_of(self, text: str) -> list[list[str]]: ...
    def __call__(self, *words: str) -> int: ...


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_run(page: str, workplace: Workplace, snippets: Snippets, call: Program) -> None:
    shown = [words for text in snippets(page, "console") for words in call.words_of(text)]
    workplace(page)
    for words in shown:
        match words:
            case ["polyhead", "demo", *_]:
                continue  # has a test of its own
            case ["polyhead", *rest]:
                assert call(*rest) == 0, words
            case ["sh", script]:
                assert (ROOT / script).is_file()
            case _:
                assert {"pip", "install"} <= set(words), words


@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs(page: str, workplace: Workplace, snippets: Snippets) -> None:
    shown = snippets(page, "python")
    if shown:
        workplace(page)
    names: dict[str, object] = {"__name__": "polyhead.tasks.flag"}
    for text in shown:
        exec(compile(text, page, "exec"), names)  # noqa: S102  the pages are ours


@pytest.mark.parametrize("page", PAGES)
def test_the_recipes_of_a_page_are_right(page: str, snippets: Snippets) -> None:
    for text in snippets(page, "toml"):
        document = tomllib.loads(text)
        if "encoder" in document:
            parse_recipe(document, folder=Path(), source=page)


@pytest.mark.parametrize("page", PAGES)
def test_the_json_of_a_page_is_json(page: str, snippets: Snippets) -> None:
    for text in snippets(page, "json"):
        for line in text.splitlines():
            assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("page", ["README.md", "docs/rows.md"])
def test_the_rows_of_a_page_have_no_faults(page: str, snippets: Snippets, prepared: Path, tmp_path: Path) -> None:
    lines = [line for text in snippets(page, "json") for line in text.splitlines() if '"truncated"' not in line]
    assert lines
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    tasks = load_recipe(prepared / "recipe.toml").tasks
    read = read_rows((DataSource(path="rows.jsonl"),), tasks, folder=tmp_path)
    assert (*read.faults, *read.file_faults) == ()
    assert len(read.rows) == len(lines)


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("docs/tasks/")])
def test_the_rows_of_a_kind_suit_its_recipe(page: str, snippets: Snippets, tmp_path: Path) -> None:
    document = tomllib.loads(snippets(page, "toml")[0])
    document |= {"encoder": {"name": "compact"}, "data": {"train": [{"path": "rows.jsonl"}]}}
    tasks = parse_recipe(document, folder=tmp_path, source=page).tasks
    (tmp_path / "rows.jsonl").write_text("\n".join(snippets(page, "json")), encoding="utf-8")
    read = read_rows((DataSource(path="rows.jsonl"),), tasks, folder=tmp_path)
    assert (*read.faults, *read.file_faults) == ()
    assert len(read.rows) == sum(len(text.splitlines()) for text in snippets(page, "json"))
    assert read.rows.labelled.any(axis=0).all()


def test_the_answer_on_the_first_page_has_the_shape_of_a_real_one(
    snippets: Snippets, workplace: Workplace, call: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = json.loads(snippets("README.md", "json")[1])
    workplace("docs/commands.md")
    capsys.readouterr()
    assert call("predict", "runs/news", shown["text"], "--json") == 0
    real = json.loads(capsys.readouterr().out)
    assert list(real) == list(shown)
    assert list(real["tasks"]) == list(shown["tasks"])
    topics = real["tasks"]["topic"], shown["tasks"]["topic"]
    assert list(topics[0]) == list(topics[1])
    assert list(topics[0]["scores"]) == list(topics[1]["scores"])
    for span in shown["tasks"]["entities"]["spans"]:
        assert shown["text"][span["start"] : span["end"]] == span["text"]


def test_the_folder_on_the_first_page_is_a_real_one(snippets: Snippets, prepared: Path) -> None:
    listing = snippets("README.md", "text")[0]
    named = {name for name in re.findall(r"^  (.*?)(?:   |$)", listing, re.MULTILINE) for name in name.split()}
    real = {path.name for path in (prepared / "runs" / "news").iterdir()}
    assert {name.strip("/") for name in named} <= real


def test_the_flag_of_the_guide_is_a_task(snippets: Snippets) -> None:
    import torch

    names: dict[str, object] = {"__name__": "polyhead.tasks.flag"}
    exec(snippets("docs/add-a-task.md", "python")[0], names)  # noqa: S102  the pages are ours
    flag = names["Flag"]()  # pyright: ignore[reportCallIssue]
    problems: list[str] = []
    assert (flag.read(True, "a text", problems), flag.read("yes", "a text", problems)) == (True, None)  # noqa: FBT003
    assert len(problems) == 1
    targets = torch.from_numpy(flag.targets([True, None, False], None))
    assert flag.observed(targets.numpy()) == 2
    logits = torch.tensor([[3.0], [0.0], [200.0]], requires_grad=True)
    assert flag.loss(logits, targets).item() == pytest.approx(200 + 0.0486, abs=1e-3)
    answers = flag.decode(logits.detach().numpy(), None)
    assert [answer.value for answer in answers] == [True, True, True]
    assert flag.score([True, False, True], answers)["primary"] == pytest.approx(2 / 3)


def test_what_a_model_card_shows_runs(prepared: Path, monkeypatch: pytest.MonkeyPatch, fences: Snippets) -> None:
    recipe = load_recipe(prepared / "recipe.toml")
    monkeypatch.chdir(prepared / "runs" / "news")
    shown = fences(model_card(recipe, {"dev": None, "test": None}), "python")
    assert len(shown) == 2
    for text in shown:
        exec(text, {})  # noqa: S102  the card is ours
