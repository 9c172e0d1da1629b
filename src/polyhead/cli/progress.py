"""How far a long prediction is: a bar on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from polyhead.cli.printing import error_console, tell

SECONDS_BETWEEN_LINES = 10.0


class AnswerProgress:
    """Shows on stderr how many answers are there.

    Args:
        size: bytes of the input, when it has an end that is known.
    """

    def __init__(self, size: int | None) -> None:
        console = error_console()
        self._bar = Progress(
            TextColumn("{task.fields[answers]:,} answers"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=size, answers=0)
        self._plain = not console.is_terminal
        self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, answers: int, bytes_read: int) -> None:
        """Say how far it is; cheap enough for every answer."""
        if not self._plain:
            self._bar.update(self._task, completed=bytes_read, answers=answers)
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            tell(f"{answers:,} answers so far")
