"""Ctrl-C and SIGTERM end training after the step that is under way, with everything saved."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether a signal asked training to end.

    Args:
        signal_number: the signal that came; none so far when absent.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Remember the signal; a second one ends the process at once."""
        if self.signal_number is not None:
            raise SystemExit(128 + number)
        self.signal_number = number

    def raise_if_requested(self) -> None:
        """End the run: `KeyboardInterrupt` after Ctrl-C, exit status 143 after SIGTERM."""
        if self.signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal_number is not None:
            raise SystemExit(128 + self.signal_number)


@contextmanager
def interruptible() -> Generator[Interruption]:
    """Catch the signals while training runs; they are left alone outside the main thread, which alone may."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.signal(number, interruption.note) for number in SIGNALS}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
