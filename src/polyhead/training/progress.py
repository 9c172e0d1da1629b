"""How training tells what it does: a bar and tables on a terminal, plain lines elsewhere, or nothing."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from polyhead.data.dataset import Dataset
from polyhead.data.order import TaskShare
from polyhead.errors import listed
from polyhead.training.defaults import Settings

BATCHES_A_LINE = 100
"""Off a terminal, an epoch tells of its losses once in so many batches; short epochs tell at their end alone."""


class Progress(ABC):
    """What a training run tells, in the order in which it happens."""

    @abstractmethod
    def note(self, sentence: str) -> None:
        """Tell something worth knowing."""

    @abstractmethod
    def data(self, data: Dataset) -> None:
        """Tell what was read."""

    @abstractmethod
    def plan(self, settings: Settings) -> None:
        """Tell the settings that the recipe left open."""

    @abstractmethod
    def shares(self, shares: Sequence[TaskShare], *, epoch: int) -> None:
        """Tell how the draws of an epoch are shared among the tasks, before each epoch."""

    @abstractmethod
    def epoch(self, number: int, batches: int, *, done: int) -> None:
        """Tell that an epoch begins, or goes on after `done` batches."""

    @abstractmethod
    def step(self, batches: int, losses: Mapping[str, float]) -> None:
        """Tell that a step is done, and each task's mean loss in this epoch."""

    @abstractmethod
    def evaluated(self, record: Mapping[str, Any], metrics: Mapping[str, Any] | None, *, best: bool) -> None:
        """Tell how an epoch ended."""

    def __enter__(self) -> Self:
        return self

    # Nothing to leave by default; who draws a bar takes it down.
    def __exit__(self, *error: object) -> None:  # noqa: B027
        pass


class Silent(Progress):
    """Tells nothing."""

    def note(self, sentence: str) -> None:
        pass

    def data(self, data: Dataset) -> None:
        pass

    def plan(self, settings: Settings) -> None:
        pass

    def shares(self, shares: Sequence[TaskShare], *, epoch: int) -> None:
        pass

    def epoch(self, number: int, batches: int, *, done: int) -> None:
        pass

    def step(self, batches: int, losses: Mapping[str, float]) -> None:
        pass

    def evaluated(self, record: Mapping[str, Any], metrics: Mapping[str, Any] | None, *, best: bool) -> None:
        pass


class Written(Progress):
    """Tells a person: a bar on a terminal, a few plain lines an epoch elsewhere.

    Args:
        console: where it is written.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._row = self._bar.add_task("", losses="", visible=False)
        self._batches = self._done = self._epochs = 0
        self._shares: Sequence[TaskShare] = ()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def note(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, markup=False)

    def data(self, data: Dataset) -> None:
        sizes = {"train": data.train, "dev": data.dev, "test": data.test}
        counted = ", ".join(f"{name} {len(rows):,}" for name, rows in sizes.items() if rows is not None)
        self.note(f"rows: {counted}")
        if data.skipped:
            places = dict.fromkeys(fault.where for fault in data.skipped)
            self.note(f"skipped {len(places):,} bad rows:")
            for sentence in listed(data.skipped):
                self.note(sentence)

    def shares(self, shares: Sequence[TaskShare], *, epoch: int) -> None:
        # Most kinds of sampling keep their shares; only what changes is worth telling again.
        if shares == self._shares:
            return
        self._shares = shares
        title = "sampling" if epoch == 0 else f"sampling from epoch {epoch + 1}"
        table = Table("task", "rows", "share", "passes an epoch", title=title, title_justify="left")
        for row in shares:
            table.add_row(row.task, f"{row.rows:,}", f"{row.share:.1%}", f"{row.passes_per_epoch:.2f}")
        self._console.print(table)

    def plan(self, settings: Settings) -> None:
        length = f"{settings.max_steps} steps" if settings.max_steps is not None else f"{settings.epochs} epochs"
        self.note(
            f"{length}, batches of {settings.batch_tokens} tokens, learning rate {settings.learning_rate:g} "
            f"(heads {settings.head_learning_rate:g}), entities swapped {settings.swap_entities:.0%}"
        )

    def epoch(self, number: int, batches: int, *, done: int) -> None:
        self._batches, self._done = batches, done
        self._bar.reset(self._row, total=batches, completed=done, description=f"epoch {number + 1}", visible=True)

    def step(self, batches: int, losses: Mapping[str, float]) -> None:
        before, self._done = self._done, self._done + batches
        told = _numbers(losses)
        self._bar.update(self._row, advance=batches, losses=told)
        if not self._console.is_terminal and before // BATCHES_A_LINE != self._done // BATCHES_A_LINE:
            self.note(f"  batch {self._done}/{self._batches}  {told}")

    def evaluated(self, record: Mapping[str, Any], metrics: Mapping[str, Any] | None, *, best: bool) -> None:
        # Before the first epoch, and where `max_steps` ends training within one, steps tell where it is.
        whole = record["epoch"] > self._epochs
        self._epochs, place = record["epoch"], f"epoch {record['epoch']}" if whole else f"step {record['step']}"
        if metrics is None or not self._console.is_terminal:
            self.note(f"{place}  {_told(record, best=best)}")
            return
        table = Table("task", "loss", "dev", "rows", title=place, title_justify="left")
        for name, of in metrics["tasks"].items():
            loss = record["losses"].get(name)
            table.add_row(name, "" if loss is None else f"{loss:.3f}", f"{of['primary']:.3f}", str(of["rows"]))
        table.add_row("mean" + (" (best)" if best else ""), "", f"{record['score']:.3f}", "")
        self._console.print(table)


def _told(record: Mapping[str, Any], *, best: bool) -> str:
    line = f"loss {_numbers(record['losses'])}"
    if record["score"] is None:
        return line
    return f"{line}  dev {_numbers(record['dev'])}  mean {record['score']:.3f}{' (best)' if best else ''}"


def _numbers(values: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in values.items())
