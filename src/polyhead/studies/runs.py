"""The models of a study, each trained once, in a folder that remembers what it is of."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from polyhead.data.dataset import Dataset
from polyhead.errors import StorageError, UsageError
from polyhead.recipe import Recipe
from polyhead.training.claiming import LOCK, claimed
from polyhead.training.fingerprint import differing, fingerprint_of
from polyhead.training.progress import Progress
from polyhead.training.train import train

STUDY, PARTIAL = "study.json", "study.json.partial"


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a study.

    Args:
        seed: its seed.
        task: the task that is trained alone; all together when absent.
    """

    seed: int
    task: str | None

    def __str__(self) -> str:
        return f"{'all tasks together' if self.task is None else f'{self.task} alone'}, seed {self.seed}"

    @property
    def place(self) -> str:
        """Say where the model lies in the folder of the study."""
        return f"seed-{self.seed}/{'together' if self.task is None else f'alone-{self.task}'}"


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """A folder with the models of a study.

    Args:
        path: the folder.
        fingerprint: what the study is of.
        seconds: how long each training took, by its place; of one that was killed, what came after.
    """

    path: Path
    fingerprint: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @classmethod
    @contextmanager
    def opened(cls, path: Path, recipe: Recipe, *, resume: bool) -> Generator[Self]:
        """Make the folder, or go back to it, and hold it for this process alone.

        Args:
            path: the folder.
            recipe: what the study is of.
            resume: whether it may be there.

        Raises:
            UsageError: it has content and `resume` is not given, it is not of this recipe, or another comparison
                writes to it.
            StorageError: it cannot be made or written.
        """
        study = cls(path, fingerprint_of(recipe))
        with claimed(path, resume=True):
            if study._begun():
                study.seconds.update(study._before(resume=resume))
            study._save()
            yield study

    def _begun(self) -> bool:
        """Tell whether something is there that a comparison which failed before its first step would not leave."""
        own = {STUDY, PARTIAL, LOCK}
        return any(file.name not in own for file in self.path.rglob("*") if not file.is_dir())

    def _before(self, *, resume: bool) -> dict[str, float]:
        """Return the seconds that were taken before."""
        if not resume:
            rule = f"`output` must be a new folder. Found {self.path} with content"
            message = f"{rule}; name another, or go on with --resume."
            raise UsageError(message)
        try:
            before = json.loads((self.path / STUDY).read_text(encoding="utf-8"))
            changed = differing(before["fingerprint"], self.fingerprint)
            seconds = {place: float(of) for place, of in before["seconds"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            message = f"--resume needs a folder that `polyhead compare` began. Found {self.path} without its {STUDY}."
            raise UsageError(message) from error
        if changed:
            rule = f"--resume needs the recipe and the data as they were. Found another {' and '.join(changed)}."
            message = f"{rule} Put them back, or compare into a new folder."
            raise UsageError(message)
        return seconds

    def model(self, run: Run) -> Path:
        """Return the model folder of a training."""
        return self.path / run.place

    def train(self, run: Run, recipe: Recipe, data: Dataset, *, progress: Progress) -> None:
        """Train one model, from where it stands; nothing when it is finished."""
        begin = time.monotonic()
        if not self.model(run).exists():
            self.seconds.pop(run.place, None)
        try:
            train(recipe, output=self.model(run), data=data, resume=True, progress=progress)
        finally:
            self.seconds[run.place] = self.seconds.get(run.place, 0.0) + time.monotonic() - begin
            self._save()

    def megabytes(self, run: Run) -> float:
        """Measure the weights of a model."""
        return sum(file.stat().st_size for file in self.model(run).rglob("*.safetensors")) / 1e6

    def _save(self) -> None:
        study = self.path / STUDY
        partial = self.path / PARTIAL
        try:
            partial.write_text(json.dumps({"fingerprint": self.fingerprint, "seconds": self.seconds}), encoding="utf-8")
            partial.replace(study)
        except OSError as error:
            message = f"{study}: cannot be written. Found: {error.strerror or error}."
            raise StorageError(message) from error
