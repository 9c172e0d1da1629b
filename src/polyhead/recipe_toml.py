"""From a TOML file to plain values, changed by the command line's `--set`, and from records back to plain values."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from polyhead.errors import Fault, RecipeError

STRAYS = (ValueError, RecursionError)
"""What `tomllib` raises: its own error and that of bytes or numbers it cannot read; too many brackets."""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        RecipeError: with one fault: the file cannot be read, or the place where it is no TOML.
    """
    import tomllib  # noqa: PLC0415  whoever reads a manifest needs none

    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        rule, place = f"must be a file that can be read. Found: {error.strerror or error}.", ""
        fault = Fault(str(path), rule, "`polyhead new DIR` writes a recipe that works.")
    except UnicodeDecodeError as error:
        rule = f"must be UTF-8. Found byte 0x{error.object[error.start]:02x} at {error.start}."
        fault = Fault(str(path), rule, "Save the file again as UTF-8.")
    except STRAYS as error:
        place = "".join(re.findall(r"at line (\d+)", str(error)))
        fault = Fault(f"{path}:{place}".rstrip(":"), f"must be TOML. Found: {error}.", "Every string stands in quotes.")
    raise RecipeError(str(path), [fault])


def override(document: dict[str, Any], assignment: str) -> Fault | None:
    """Change one value of a recipe's document in place.

    Args:
        document: the recipe as TOML gave it.
        assignment: `path=value`; the path as faults show it (`data.train[0].path`), the value in TOML.
            What is no TOML value is taken as a string, so that `encoder.name=compact` needs no quotes.

    Returns:
        A fault when the path leads nowhere; a key that no table takes is found when the document is checked.
    """
    path, equals, text = assignment.partition("=")
    steps = re.findall(r"[^.\[\]\s]+", path)
    if not equals or not steps:
        return Fault(f"--set {assignment}", "must read path=value.", "For example: `--set training.epochs=5`.")
    place: Any = document
    for number, step in enumerate(steps, start=1):
        key = _key(place, step)
        if key is None:
            return Fault(f"--set {assignment}", f"must lead to a key of the recipe. Found no {step!r} there.")
        if number == len(steps):
            place[key] = _value(text.strip())
        else:
            place = place[key] if isinstance(key, int) else place.setdefault(key, {})
    return None


def plain(value: object) -> Any:  # noqa: ANN401  whatever TOML can write
    """Turn records into tables with their kind first, and leave out what is absent or not compared."""
    if is_dataclass(value):
        kind: dict[str, Any] = {"kind": cast("Any", value).kind} if hasattr(value, "kind") else {}
        stated = {field.name: getattr(value, field.name) for field in fields(value) if field.compare}
        return kind | {name: plain(content) for name, content in stated.items() if content is not None}
    if isinstance(value, Mapping):
        return {name: plain(content) for name, content in cast("Mapping[str, object]", value).items()}
    if isinstance(value, tuple):
        return [plain(content) for content in cast("tuple[object, ...]", value)]
    return value


def tupled(value: object) -> Any:  # noqa: ANN401  whatever TOML can hold
    """Turn lists into tuples, all the way down: what a frozen record holds."""
    if isinstance(value, Mapping):
        return {name: tupled(content) for name, content in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return tuple(tupled(content) for content in cast("list[object]", value))
    return value


def _key(place: object, step: str) -> str | int | None:
    if isinstance(place, dict):
        return step
    reachable = isinstance(place, list) and step.isdecimal() and int(step) < len(cast("list[object]", place))
    return int(step) if reachable else None


def _value(text: str) -> object:
    import tomllib  # noqa: PLC0415  as above

    try:
        document = tomllib.loads(f"value = {text}")
    except STRAYS:
        return text
    return document["value"] if len(document) == 1 else text
