"""Room for connections: each is an open file, and systems give a process 1,024 of them or fewer unless it asks."""

import sys

SPARE_FILES = 256
"""Files that a server needs beside its connections: models that are opened, the log, what libraries hold."""


def allow_files(wanted: int) -> int:
    """Let this process open so many files, as far as the system lets it raise its own limit.

    Args:
        wanted: files that may be open at once.

    Returns:
        How many of them the process may have now.
    """
    if sys.platform == "win32":
        return wanted
    import resource  # noqa: PLC0415  Windows has no such module

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
