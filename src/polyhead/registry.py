"""From a kind word in the recipe to the class behind it: the word is the file's name.

Nothing named in a recipe is imported before it is found in the list of known kinds, so a recipe can never
make Polyhead import a module of its choice.
"""

import importlib
import inspect
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

from polyhead.errors import did_you_mean

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FAMILIES = {"tasks": "Task", "sampling": "Sampling", "balancing": "Balancing", "sharing": "Sharing"}

STRICT: dict[str, Any] = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
"""How pydantic reads a record of settings, stated here so that the records need not import it."""


class UnknownKindError(LookupError):
    """A kind word that no file and no plug-in answers to."""


def kinds(family: str) -> tuple[str, ...]:
    """List the kind words of an extension folder, plug-ins included, in alphabetical order."""
    return tuple(sorted({*_built_in(family), *_plug_ins(family)}))


def find(family: str, kind: str) -> type:
    """Return the class that a kind word stands for.

    Args:
        family: one of `tasks`, `sampling`, `balancing`, `sharing`.
        kind: the word from the recipe, such as `classification`.

    Raises:
        UnknownKindError: no file of that folder and no entry point bears the word; nothing was imported.
    """
    if kind in _built_in(family):
        return _concrete_class(family, importlib.import_module(f"polyhead.{family}.{kind}").__name__)
    if kind in _plug_ins(family):
        return _plug_ins(family)[kind].load()
    known = kinds(family)
    message = f"kind must be one of {', '.join(map(repr, known))}. Found {kind!r}{did_you_mean(kind, known)}"
    raise UnknownKindError(message)


@cache
def _built_in(family: str) -> frozenset[str]:
    package = importlib.import_module(f"polyhead.{family}")
    names = {module.name for module in pkgutil.iter_modules(package.__path__)}
    return frozenset(name for name in names if name != "base" and not name.startswith("_"))


@cache
def _plug_ins(family: str) -> dict[str, "EntryPoint"]:
    from importlib.metadata import entry_points  # noqa: PLC0415  slow, and not needed for the kinds that are built in

    return {point.name: point for point in entry_points(group=f"polyhead.{family}")}


def _concrete_class(family: str, module_name: str) -> type:
    base: type = getattr(importlib.import_module(f"polyhead.{family}.base"), FAMILIES[family])
    members = vars(importlib.import_module(module_name)).values()
    own = [member for member in members if inspect.isclass(member) and member.__module__ == module_name]
    concrete = [member for member in own if issubclass(member, base) and not inspect.isabstract(member)]
    if len(concrete) != 1:
        message = f"{module_name} must hold exactly one concrete {base.__name__}. Found {len(concrete)}."
        raise TypeError(message)
    return concrete[0]
