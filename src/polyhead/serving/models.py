"""The models that are served, each under a name, and their reload without losing a request."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.errors import PolyheadError, UsageError
from polyhead.runtime.predictor import Predictor
from polyhead.serving.refusals import RefusedError
from polyhead.tasks.base import Task

GOOD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MANIFEST = "polyhead.json"


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A model that is open.

    Args:
        name: how requests call it.
        version: tells one state of its folder from another.
        predictor: answers.
        width: of the sentence embedding.
    """

    name: str
    version: str
    predictor: Predictor
    width: int

    def to_json(self) -> dict[str, Any]:
        """Describe the model and its tasks as plain Python values."""
        tasks = {name: _described(task) for name, task in self.predictor.tasks.items()}
        return {"model": self.name, "version": self.version, "embedding_width": self.width, "tasks": tasks}


@dataclass(frozen=True, slots=True)
class Reload:
    """What became of one model in a reload.

    Args:
        name: the model.
        version: the version that answers now.
        reason: why the folder was refused and the old model goes on; empty when the new one answers.
    """

    name: str
    version: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as plain Python values."""
        return {"model": self.name, "version": self.version, "reloaded": not self.reason, "reason": self.reason}


class Models:
    """Opens model folders, and hands out the model of a name.

    A request keeps the model that it was given: one that is replaced meanwhile finishes what it has begun.

    Args:
        folders: where each model is, by name; the first is the default.
        load: opens a folder.
    """

    def __init__(self, folders: Mapping[str, Path], load: Callable[[Path], Predictor]) -> None:
        self._folders = dict(folders)
        self._load = load
        self._open: dict[str, ServedModel] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """List the names, the default first."""
        return tuple(self._folders)

    @property
    def open(self) -> tuple[ServedModel, ...]:
        """List the models that are open, the default first; none before `open_all`."""
        return tuple(self._open.values())

    def open_all(self) -> None:
        """Open every folder.

        Raises:
            PolyheadError: one of them cannot be opened.
        """
        self._open = {name: self._opened(name) for name in self._folders}

    def reload(self) -> list[Reload]:
        """Open every folder again; one that is refused leaves its old model in place."""
        return [self._reloaded(name) for name in self._folders]

    def get(self, name: str | None) -> ServedModel:
        """Return the model of a name, the default one when absent.

        Raises:
            RefusedError: there is no such model, or none is open yet.
        """
        if not self._open:
            message = "the server is loading its models. Try again after `Retry-After` seconds."
            raise RefusedError(503, message, retry_after=1)
        found = self._open.get(self.names[0] if name is None else name)
        if found is None:
            raise RefusedError(404, f"the model must be one of {', '.join(self.names)}. Found another name.")
        return found

    def _reloaded(self, name: str) -> Reload:
        try:
            fresh = self._opened(name)
        except Exception as error:  # noqa: BLE001  whatever a folder holds, the model that is open goes on
            reason = str(error) if isinstance(error, PolyheadError) else f"Found {type(error).__name__}: {error}."
            return Reload(name, self._open[name].version if name in self._open else "", reason)
        self._open[name] = fresh
        return Reload(name, fresh.version, "")

    def _opened(self, name: str) -> ServedModel:
        folder = self._folders[name]
        version = _version_of(folder)
        predictor = self._load(folder)
        # The first pass allocates what later ones reuse, and shows that the model can answer at all.
        width = predictor.embed(["A first text, before anyone asks."]).shape[1]
        predictor.predict([""])
        return ServedModel(name, version, predictor, width)


def named_folders(given: Iterable[str]) -> dict[str, Path]:
    """Read the models of the command line: a folder, which is called by its name, or `NAME=FOLDER`.

    Raises:
        UsageError: a name is taken twice or does not fit into an address.
    """
    folders: dict[str, Path] = {}
    for word in given:
        name, separator, place = word.partition("=")
        path = Path(place if separator else word)
        chosen = name if separator else path.resolve().name
        if not GOOD_NAME.fullmatch(chosen):
            message = f"a model's name must be letters, digits, `.`, `_`, `-`. Found {chosen!r}. Name it: NAME={path}."
            raise UsageError(message)
        if chosen in folders:
            message = f"two models must not share a name. Found {chosen!r} twice. Name one of them: NAME={path}."
            raise UsageError(message)
        folders[chosen] = path
    return folders


def _described(task: Task) -> dict[str, Any]:
    described: dict[str, Any] = {
        "kind": task.kind,
        "level": task.level,
        "labels": list(getattr(task, "labels", None) or ()),
    }
    # Kinds that answer numbers may tell between which bounds they lie.
    bounds = getattr(task, "range", None)
    return described if bounds is None else {**described, "range": list(bounds)}


def _version_of(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()[:12]
    except OSError:
        # Opening the folder will say what is wrong with it.
        return "unknown"
