"""The rules of the house, measured: sizes, names, imports, addresses, extras and public names."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead import errors

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "polyhead"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_PARAMETERS = 250, 40, 6
BANNED_NAMES = {"cfg", "opt", "tmp", "data2", "info", "args", "kwargs"}
BANNED_MODULES = {"utils", "helpers", "common", "core", "util", "helper", "misc"}
BANNED_ENDINGS = ("Manager", "Handler", "Processor")
# These hold method files or torch modules; everything else loads without torch.
TORCH_PARTS = ("export", "model", "studies", "training")
PUBLIC = [
    "Answer",
    "MultiTaskModel",
    "PolyheadError",
    "Predictor",
    "Recipe",
    "Span",
    "TrainingResult",
    "load",
    "load_recipe",
    "train",
]
# Papers, standards and the hub of models; no package registry is among them.
ALLOWED_HOSTS = {
    "aclanthology.org",
    "arxiv.org",
    "doi.org",
    "huggingface.co",
    "openreview.net",
    "keepachangelog.com",
    "semver.org",
    "www.apache.org",
    "www.w3.org",
    "127.0.0.1",
    "localhost",
}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions() -> Iterator[tuple[str, Function]]:
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, Function):
                yield f"{shown(path)}:{node.lineno} {node.name}", node


def lines_without_docstring(function: Function) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines


def parameters(function: Function) -> list[str]:
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return [name for name in names if name not in {"self", "cls"}]


def is_command(place: str, function: Function) -> bool:
    """Tell a command, whose parameters are its options: their number is the contract's."""
    return place.startswith(f"src/polyhead/cli/{function.name}.py:")


def defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, Function | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def own_texts() -> Iterator[tuple[str, str]]:
    """Yield every text file that belongs to the project, outside build outputs and hidden caches."""
    left_out = {".git", ".venv", ".hypothesis", ".pytest_cache", ".ruff_cache", ".import_linter_cache"}
    left_out |= {"__pycache__", "runs", "dist", "build"}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in left_out]
        for name in files:
            path = Path(folder) / name
            try:
                yield shown(path), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def in_new_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)


def modules(*, without: tuple[str, ...] = ()) -> list[str]:
    names = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in SOURCES]
    dotted = {".".join(parts).removesuffix(".__init__") for parts in names if parts[1] not in without}
    return sorted(dotted)


def imported_without(blocked: tuple[str, ...], names: list[str]) -> str:
    """Import modules one by one where some packages do not exist; return what went wrong."""
    code = f"""
import importlib, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is blocked", name=name)

sys.meta_path.insert(0, Blocked())
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(name, error)
"""
    result = in_new_python(code)
    return result.stdout + result.stderr


def test_no_file_is_too_long() -> None:
    long = {shown(path): count for path in SOURCES if (count := len(path.read_text().splitlines())) > MAX_FILE}
    assert not long


def test_no_function_is_too_long() -> None:
    assert not {name: count for name, node in functions() if (count := lines_without_docstring(node)) > MAX_FUNCTION}


def test_no_function_has_too_many_parameters() -> None:
    counts = {name: len(parameters(node)) for name, node in functions() if not is_command(name, node)}
    assert not {name: count for name, count in counts.items() if count > MAX_PARAMETERS}


def test_no_function_takes_settings_that_it_does_not_name() -> None:
    assert not [name for name, node in functions() if node.args.kwarg]


def test_no_boolean_is_passed_by_place_to_what_is_public() -> None:
    found = []
    for name, node in functions():
        by_place = [*node.args.posonlyargs, *node.args.args]
        booleans = [a.arg for a in by_place if isinstance(a.annotation, ast.Name) and a.annotation.id == "bool"]
        found += [name] if booleans and not node.name.startswith("_") else []
    assert not found


def test_names_are_words() -> None:
    found = []
    for path in SOURCES:
        for line, name in defined_names(tree_of(path)):
            if name.lower() in BANNED_NAMES or name.endswith(BANNED_ENDINGS):
                found.append(f"{shown(path)}:{line} {name}")
    assert not found


def test_modules_are_named_for_what_they_hold() -> None:
    assert not [shown(path) for path in SOURCES if {path.stem, path.parent.name} & BANNED_MODULES]


def test_no_comment_promises_work() -> None:
    promise = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
    found = [shown(path) for path in SOURCES if promise.search(path.read_text(encoding="utf-8"))]
    assert not found


def test_nothing_is_pickled_or_evaluated() -> None:
    banned = {"pickle", "cloudpickle", "dill", "marshal", "shelve"}
    found = []
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}
            if called or banned & {name.split(".")[0] for name in names}:
                found.append(f"{shown(path)}:{node.lineno}")  # type: ignore[attr-defined]
    assert not found


def test_no_file_names_an_address_that_is_not_allowed() -> None:
    address = re.compile(r"https?://([\w.-]+)")
    found = []
    for name, text in own_texts():
        found += [f"{name}: {host}" for host in address.findall(text) if host not in ALLOWED_HOSTS]
    assert not found


def test_no_file_names_a_place_that_packages_come_from() -> None:
    place = re.compile(
        r"--(extra-)?index-url|--find-links|\b(files|registry|index|download|mirrors?)\.\w+\.(org|com|io)\b"
    )
    found = [name for name, text in own_texts() if place.search(text) and name != shown(Path(__file__))]
    assert not found


def test_no_source_names_a_place_on_one_machine() -> None:
    place = re.compile(r"(?<![\w.])/(opt|home|root|work|tmp|usr|mnt|Users)/\w")
    kept = {name: text for name, text in own_texts() if name.startswith(("src/", "scripts/", "constraints", "README"))}
    assert not [name for name, text in kept.items() if place.search(text)]


def extras() -> dict[str, list[str]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_the_readme_has_a_table_of_the_extras_that_there_are() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("| extra |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE) == list(extras())


def test_the_readme_tells_to_install_no_other_extra() -> None:
    named = re.findall(r"(?:polyhead|\.)\[([\w,-]+)\]", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert named
    assert {extra for names in named for extra in names.split(",")} <= set(extras())


def test_all_holds_every_extra_of_ours_but_dev_and_no_tracker() -> None:
    (everything,) = extras()["all"]
    named = re.findall(r"[\w-]+", everything.partition("[")[2])
    trackers = {"tensorboard"}
    assert set(named) == set(extras()) - {"all", "dev"} - trackers


def test_every_extra_that_an_error_tells_to_install_is_there() -> None:
    named: list[Any] = []
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "MissingExtraError":
                named += [argument.value for argument in node.args[2:3] if isinstance(argument, ast.Constant)]
    assert set(named) <= set(extras())


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert polyhead.__version__ == project["version"]


def test_the_public_names_are_these() -> None:
    assert polyhead.__all__ == PUBLIC
    assert set(PUBLIC) <= set(dir(polyhead))


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(polyhead, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        polyhead.fit  # noqa: B018


def test_every_error_is_a_polyhead_error() -> None:
    own = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, Exception)]
    assert all(issubclass(item, errors.PolyheadError) for item in own)


def test_importing_polyhead_does_no_work() -> None:
    code = """
import os, sys, warnings
environment, filters = dict(os.environ), list(warnings.filters)
import polyhead
heavy = {"torch", "transformers", "accelerate", "pydantic", "pyarrow", "numpy", "tokenizers", "matplotlib", "rich"}
print(sorted(heavy & set(sys.modules)), environment == dict(os.environ), filters == list(warnings.filters))
"""
    assert in_new_python(code).stdout.split("\n")[0] == "[] True True"


def test_everything_but_training_and_the_model_loads_without_torch() -> None:
    # The records of sharing load without torch; what they build is in files of their own.
    names = [name for name in modules(without=TORCH_PARTS) if not name.startswith("polyhead.sharing._")]
    assert not imported_without(("torch", "transformers", "accelerate"), names)


def test_what_serves_loads_without_pydantic_and_pyarrow_too() -> None:
    served = [
        name
        for name in modules()
        if re.match(r"polyhead\.(errors|registry|spans|answers|metrics|text|tasks|folder|runtime)", name)
    ]
    assert served
    assert not imported_without(("torch", "transformers", "accelerate", "pydantic", "pyarrow"), served)
