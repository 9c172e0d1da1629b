"""The manifest of a model folder: what the model answers, how its text becomes tokens, and a hash of every file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, TypeVar

from polyhead.errors import FolderError
from polyhead.recipe_toml import plain, tupled
from polyhead.registry import UnknownKindError, find
from polyhead.sharing.base import Sharing
from polyhead.sharing.hard import Hard
from polyhead.tasks.base import HeadTask, Task
from polyhead.text.tokens import LARGEST_OVERLAP

FORMAT_VERSION = 1
MANIFEST = "polyhead.json"
ENCODER_WEIGHTS = "model.safetensors"
POOLINGS = ("mean", "cls", "last", "max", "attention")

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a model folder says about itself.

    Args:
        tasks: the tasks by name, in the order of the recipe.
        pooling: how token states become the sentence embedding.
        projection: width of the embedding; that of the encoder when absent.
        width: width of the token states.
        max_tokens: the longest input, special tokens included.
        overlap: share of a long text's window that the next window reads too; without it, long texts are cut.
        padding_id: the token that fills short rows.
        filler_id: the token that stands for a text without tokens.
        versions: of the packages that wrote the folder.
        sharing: what the tasks share of the encoder.
        ngrams: names of the tasks that have a linear model of n-grams beside their heads.
        files: SHA-256 of each file, by its path in the folder.
        exports: what was measured when graphs were exported, by the word for their engine.
    """

    tasks: Mapping[str, Task]
    pooling: str
    projection: int | None
    width: int
    max_tokens: int
    overlap: float | None
    padding_id: int
    filler_id: int
    versions: Mapping[str, str]
    sharing: Sharing = field(default_factory=Hard)
    ngrams: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    exports: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        for name in ("tasks", "versions", "files", "exports"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @property
    def encoder_sha256(self) -> str | None:
        """Return the hash of the encoder that the heads were trained on."""
        return self.files.get(ENCODER_WEIGHTS)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as plain Python values."""
        return {
            "format_version": FORMAT_VERSION,
            "tasks": {name: {"kind": task.kind, **asdict(task)} for name, task in self.tasks.items()},
            "pooling": self.pooling,
            "projection": self.projection,
            "width": self.width,
            "max_tokens": self.max_tokens,
            "overlap": self.overlap,
            "padding_id": self.padding_id,
            "filler_id": self.filler_id,
            "sharing": plain(self.sharing),
            "ngrams": list(self.ngrams),
            "encoder_sha256": self.encoder_sha256,
            "versions": dict(self.versions),
            "files": dict(self.files),
            "exports": dict(self.exports),
        }

    @classmethod
    def from_json(cls, document: Any, *, where: Path) -> "Manifest":  # noqa: ANN401
        """Read what `to_json` wrote.

        Args:
            document: what JSON gave.
            where: the file it comes from, for messages.

        Raises:
            FolderError: the format version is another one, a kind of task is unknown, or a value is missing or wrong.
        """
        try:
            _check_version(document, where)
            tasks = {name: _task(record) for name, record in document["tasks"].items()}
            return cls(
                tasks=tasks,
                pooling=_pooling(document["pooling"]),
                projection=None if document["projection"] is None else _count(document["projection"], least=1),
                width=_count(document["width"], least=1),
                max_tokens=_count(document["max_tokens"], least=1),
                overlap=None if document["overlap"] is None else _share(document["overlap"]),
                padding_id=_count(document["padding_id"], least=0),
                filler_id=_count(document["filler_id"], least=0),
                versions=dict(document["versions"]),
                sharing=_sharing(document.get("sharing", {"kind": "hard"})),
                ngrams=_about_texts(document.get("ngrams", ()), tasks),
                files={_inside(name): _typed(sha256, str) for name, sha256 in document["files"].items()},
                exports=dict(document.get("exports", {})),
            )
        except UnknownKindError as error:
            message = f"{where}: {error} Install the package that adds this kind, or a newer Polyhead."
            raise FolderError(message) from error
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            message = f"{where} must be a manifest of Polyhead. Found: {error}. The folder was altered; get it again."
            raise FolderError(message) from error


def is_inside(name: str) -> bool:
    """Tell whether a path of a manifest stays in its folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not set("\\:\0") & set(name)


def _check_version(document: Any, where: Path) -> None:  # noqa: ANN401
    version = document["format_version"]
    if version != FORMAT_VERSION:
        writer = document.get("versions", {}).get("polyhead", "another version")
        found = f"Found {version}, written by Polyhead {writer}"
        message = f"{where} must have format version {FORMAT_VERSION}. {found}. Install a Polyhead that reads it."
        raise FolderError(message)


def _task(record: Mapping[str, Any]) -> Task:
    settings = dict(tupled(record))
    task: Task = find("tasks", _typed(settings.pop("kind"), str))(**settings)
    if isinstance(task, HeadTask) and task.outputs < 1:
        message = f"a task of kind {task.kind!r} without outputs"
        raise ValueError(message)
    return task


def _about_texts(names: Sequence[Any], tasks: Mapping[str, Task]) -> tuple[str, ...]:
    for name in names:
        if name not in tasks or tasks[name].level != "text":
            message = f"n-grams of {name!r}, which is no task about texts"
            raise ValueError(message)
    return tuple(names)


def _sharing(record: Mapping[str, Any]) -> Sharing:
    settings = dict(tupled(record))
    return find("sharing", _typed(settings.pop("kind"), str))(**settings)


def _typed(value: object, kind: type[Value]) -> Value:
    if isinstance(value, bool) or not isinstance(value, kind):
        message = f"{value!r} where a value of type {kind.__name__} must be"
        raise TypeError(message)
    return value


def _count(value: object, *, least: int) -> int:
    number = _typed(value, int)
    if not least <= number < 2**31:
        message = f"{number} where a number from {least} on must be"
        raise ValueError(message)
    return number


def _share(value: object) -> float:
    share = float(_typed(value, float))
    if not 0 <= share <= LARGEST_OVERLAP:
        message = f"{share} where a share of at most {LARGEST_OVERLAP} must be"
        raise ValueError(message)
    return share


def _pooling(value: object) -> str:
    if value not in POOLINGS:
        message = f"{value!r} where one of {', '.join(POOLINGS)} must be"
        raise ValueError(message)
    return _typed(value, str)


def _inside(name: str) -> str:
    if not is_inside(name):
        message = f"the file {name!r}, which would lie outside the folder"
        raise ValueError(message)
    return name
