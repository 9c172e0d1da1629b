"""The pages tell all there is, and no more."""

import re
import tomllib
from dataclasses import MISSING, Field, fields
from pathlib import Path

import pytest
import typer

from polyhead.cli.commands import application
from polyhead.recipe import DataSource, EncoderSettings, TrainingSettings
from polyhead.registry import find, kinds
from polyhead.sampling.temperature import Temperature
from polyhead.tasks.base import LabelledTask, TextTask
from polyhead.training.defaults import resolve

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TABLES = {
    "[encoder]": [EncoderSettings],
    "[tasks.NAME]": [LabelledTask, TextTask],
    "[[data.train]]": [DataSource],
    "[sampling]": [Temperature],
    "[training]": [TrainingSettings],
}


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    return text.split(f"## {heading}", 1)[1].split("\n## ", 1)[0]


def table(text: str) -> dict[str, str]:
    """Return the first two cells of each row, without backticks."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][1:]
    return {cells[0].strip().strip("`"): cells[1].strip() for cells in rows}


def keys(record: type) -> "dict[str, Field[object]]":
    """Return the fields that a recipe can set."""
    return {field.name: field for field in fields(record) if field.compare}  # pyright: ignore[reportArgumentType]


def has_default(field: "Field[object]") -> bool:
    return field.default is not MISSING and field.default is not None


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_of_a_recipe_is_on_its_page_with_its_default(heading: str) -> None:
    told = table(section(page("docs/recipe.md"), f"`{heading}`"))
    records = TABLES[heading]
    known = {name: field for record in records for name, field in keys(record).items()}
    assert set(told) - {"kind"} == set(known)
    for name, field in known.items():
        if has_default(field) and told[name].startswith("`"):
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            assert tomllib.loads(f"x = {told[name].strip('`')}")["x"] == default, name


@pytest.mark.parametrize("kind", kinds("tasks"))
def test_every_key_of_a_kind_is_on_its_page_with_its_default(kind: str) -> None:
    told = {name: cell for names, cell in table(page(f"docs/tasks/{kind}.md")).items() for name in names.split("`, `")}
    shared = {*keys(LabelledTask), *keys(TextTask)}
    known = keys(find("tasks", kind))
    assert known.keys() - shared <= told.keys()
    for name in known.keys() & told.keys():
        if has_default(known[name]) and told[name].startswith("`"):
            default = known[name].default
            expected = list(default) if isinstance(default, tuple) else default
            assert tomllib.loads(f"x = {told[name].strip('`')}")["x"] == expected, name


def test_every_kind_is_on_the_page_of_the_recipe() -> None:
    for family in ("tasks", "sampling", "balancing", "sharing"):
        for kind in kinds(family):
            assert find(family, kind)
            assert f"`{kind}`" in page("docs/recipe.md") or f'`"{kind}"`' in page("docs/recipe.md"), kind


@pytest.mark.parametrize("family", ["sampling", "balancing", "sharing"])
def test_every_kind_is_on_its_page_with_its_settings_and_their_defaults(family: str) -> None:
    rows = [line.strip("|").split("|") for line in page(f"docs/{family}.md").splitlines() if line.startswith("| `")]
    told = {cells[0].strip(" `"): cells[-1] for cells in rows}
    assert set(told) == set(kinds(family))
    for kind, settings in told.items():
        own = {field.name: field for field in fields(find(family, kind)) if field.name not in {"mix", "at"}}
        assert set(re.findall(r"`(\w+)(?: =|`)", settings)) == set(own), kind
        for name, default in re.findall(r"`(\w+) = (.*?)`", settings):
            if own[name].default is not MISSING:
                assert tomllib.loads(f"x = {default}")["x"] == own[name].default, (kind, name)


def test_every_command_has_a_section_and_nothing_else_has() -> None:
    told = re.findall(r"^## ([\w-]+)$", page("docs/commands.md"), re.MULTILINE)
    assert told == list(typer.main.get_command(application).commands)  # pyright: ignore[reportAttributeAccessIssue]


def test_the_extras_on_the_first_page_are_those_of_the_package() -> None:
    declared = tomllib.loads(page("pyproject.toml"))["project"]["optional-dependencies"]
    told = table(section(page("README.md"), "Install"))
    assert set(told) - {"*(none)*"} == set(declared)


def test_the_first_page_begins_with_two_commands() -> None:
    first_screen = "\n".join(page("README.md").splitlines()[:15])
    for script in ("sh scripts/demo", "sh scripts/test"):
        assert script in first_screen


def test_the_glossary_is_in_alphabetical_order() -> None:
    words = [word.casefold() for word in table(page("docs/glossary.md"))]
    assert words == sorted(words)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", prose):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_to_a_heading_find_it(path: Path) -> None:
    for target, heading in re.findall(r"\]\(([^):#]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
        linked = path.parent / target if target else path
        headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}, (
            target,
            heading,
        )


def test_every_page_is_reached_from_the_first() -> None:
    for path in (ROOT / "docs").glob("*.md"):
        assert f"docs/{path.name}" in page("README.md"), path.name


def test_the_newest_changes_are_those_of_the_version() -> None:
    version = tomllib.loads(page("pyproject.toml"))["project"]["version"]
    assert re.findall(r"^## \[(.*?)\]", page("CHANGELOG.md"), re.MULTILINE)[:2] == ["Unreleased", version]


@pytest.mark.parametrize(("column", "encoder", "width"), [(1, "compact", 256), (2, "small", 768), (3, "large", 1024)])
def test_the_page_of_defaults_tells_the_defaults(column: int, encoder: str, width: int) -> None:
    lines = [line.strip("| ").split(" | ") for line in page("docs/defaults.md").splitlines() if line.startswith("| ")]
    told = {cells[0].strip("`"): cells[min(column, len(cells) - 1)] for cells in lines[1:]}
    for steps in (1, 10, 100, 2000):
        settings = resolve(TrainingSettings(), EncoderSettings(name=encoder), tokens=[10**9], width=width)
        few = resolve(
            TrainingSettings(), EncoderSettings(name=encoder), tokens=[steps * settings.batch_tokens], width=width
        )
        numbers = told["epochs, for `s` batches in a pass"] if column < 3 else "20 · s^-0.35, from 3 to 10"
        factor, power, least, most = map(float, re.findall(r"-?\d+\.?\d*", numbers))
        assert few.epochs == max(least, min(most, round(factor * steps**power)))
    for name in ("learning_rate", "head_learning_rate", "batch_tokens", "ema_decay", "swap_entities"):
        assert getattr(settings, name) == float(told[name]), name
    assert ", ".join(f"{beta:g}" for beta in settings.betas) == told["AdamW's betas"]
