"""Every error that a user can meet, each with the exit status of the command line.

PolyheadError
├── UsageError               2  the call is wrong: an argument, an output folder that exists
├── RecipeError              2  the recipe is wrong; holds every fault found in it
├── MissingExtraError        2  an optional dependency is not installed
├── DataError                1  rows are wrong; holds every fault found in them
├── EncoderUnavailableError  1  the encoder is neither a local folder nor reachable
├── FolderError              1  a model folder or a checkpoint is absent, altered or of another format
├── TrainingError            1  training cannot go on
│   └── NonFiniteLossError   1  a task's loss is not a number
├── ExportError              1  a graph does not answer as its model does
└── StorageError             1  a file cannot be written: the disk is full, a permission is missing
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHOWN_FAULTS = 50


def did_you_mean(word: str, allowed: Iterable[str]) -> str:
    """Return how a sentence ends that tells a wrong word: `; did you mean 'x'?` for the closest allowed one, or `.`."""
    import difflib  # noqa: PLC0415  of no use before something is wrong

    close = difflib.get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else "."


def found_instead(words: Iterable[str], allowed: Iterable[str]) -> str:
    """Tell wrong words, each with the closest allowed one: `Found 'tpic'; did you mean 'topic'? Found 'x'.`."""
    known = list(allowed)
    return " ".join(f"Found {word!r}{did_you_mean(word, known)}" for word in words)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a user's file.

    Args:
        where: a dotted path in the recipe, or `file:line` of a row.
        rule: what must hold, and what was found.
        advice: what to do about it; empty when the rule says it all.
    """

    where: str
    rule: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.rule}" + (f" {self.advice}" if self.advice else "")


def listed(faults: Sequence[Fault]) -> list[str]:
    """Return a line for each of the first faults, and one that counts the others."""
    lines = [f"  {fault}" for fault in faults[:SHOWN_FAULTS]]
    more = len(faults) - SHOWN_FAULTS
    return [*lines, f"  … and {more} more"] if more > 0 else lines


class PolyheadError(Exception):
    """Base of every error that Polyhead raises on purpose."""

    exit_status = 1


class UsageError(PolyheadError):
    """The call is wrong."""

    exit_status = 2


class MissingExtraError(PolyheadError):
    """A part of Polyhead needs a package that is not installed."""

    exit_status = 2

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f'{what} needs {package}. Install it with `pip install "polyhead[{extra}]"`.')


class FaultsError(PolyheadError):
    """An error made of all the faults found in one pass."""

    def __init__(self, title: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        title = f"{title}: {count} fault{'s' * (count != 1)}"
        super().__init__("\n".join([title, *listed(self.faults)]))


class RecipeError(FaultsError):
    """The recipe is wrong."""

    exit_status = 2


class DataError(FaultsError):
    """Rows of data are wrong."""


class EncoderUnavailableError(PolyheadError):
    """The encoder that the recipe names cannot be loaded."""


class FolderError(PolyheadError):
    """A model folder or a checkpoint cannot be trusted or read."""


class TrainingError(PolyheadError):
    """Training cannot go on."""


class NonFiniteLossError(TrainingError):
    """A task's loss is NaN or infinite."""

    def __init__(self, *, task: str, step: int, value: float) -> None:
        self.task, self.step = task, step
        super().__init__(
            f"step {step}: the loss of task {task!r} must be finite. Found {value}. "
            "The last good checkpoint is kept. Lower `training.learning_rate` or the task's `weight`, "
            "or look for extreme values in its data."
        )


class ExportError(PolyheadError):
    """A graph does not answer as its model does, or cannot be made."""


class StorageError(PolyheadError):
    """A file cannot be written."""
