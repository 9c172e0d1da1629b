"""A run's folder belongs to one process at a time."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from polyhead.errors import StorageError, UsageError

LOCK = ".lock"


@contextmanager
def claimed(folder: Path, *, resume: bool) -> Generator[None]:
    """Hold a run's folder for this process alone; the lock dies with the process.

    Args:
        folder: made when absent; removed again when the run fails before it wrote anything.
        resume: whether it may have content.

    Raises:
        UsageError: it is no new folder, or another run writes to it.
        StorageError: it cannot be made or written.
    """
    lock = FileLock(folder / LOCK)
    try:
        existed = _made(folder, resume=resume)
        lock.acquire(timeout=0)
    except Timeout as error:
        message = f"{folder} must be written by one run at a time. Found another one writing to it."
        raise UsageError(message) from error
    except OSError as error:
        message = f"`output` must be a folder that can be made and written. Found {folder}: {error.strerror or error}."
        raise StorageError(message) from error
    try:
        yield
    finally:
        lock.release()
        (folder / LOCK).unlink(missing_ok=True)
        # A run that failed before it saved anything leaves nothing behind, even where its folder was removed meanwhile.
        if not existed and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _made(folder: Path, *, resume: bool) -> bool:
    """Make a folder, and tell whether it was there."""
    existed = folder.exists()
    if existed and not folder.is_dir():
        message = f"`output` must be a folder to make. Found the file {folder}."
        raise UsageError(message)
    if existed and any(folder.iterdir()) and not resume:
        message = f"`output` must be a new folder. Found {folder} with content; name another, or go on with --resume."
        raise UsageError(message)
    folder.mkdir(parents=True, exist_ok=True)
    return existed
