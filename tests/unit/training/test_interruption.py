import os
import signal
import threading

import pytest

from polyhead.training.interruption import interruptible


def test_ctrl_c_is_remembered_and_raised_when_asked() -> None:
    with interruptible() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.signal_number == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            interruption.raise_if_requested()


def test_sigterm_ends_with_status_143() -> None:
    with interruptible() as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(SystemExit) as caught:
            interruption.raise_if_requested()
    assert caught.value.code == 143


def test_a_second_signal_ends_at_once() -> None:
    with interruptible():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGINT)


def test_without_a_signal_nothing_is_raised_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as interruption:
        assert signal.getsignal(signal.SIGINT) != before
        interruption.raise_if_requested()
    assert signal.getsignal(signal.SIGINT) == before


def test_outside_the_main_thread_handlers_are_left_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        before = signal.getsignal(signal.SIGTERM)
        with interruptible():
            seen.append(signal.getsignal(signal.SIGTERM) == before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
