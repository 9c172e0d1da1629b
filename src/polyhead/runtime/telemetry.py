"""Keeps packages from telling their makers that they are used: nothing of ours reaches out."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

TELEMETRY = "openvino_telemetry"


@contextmanager
def no_telemetry() -> Generator[None]:
    """Import OpenVINO and NNCF as where `openvino_telemetry` is not installed.

    With it, each import and each use sends an event, unless whoever runs it has forbidden that. Both packages do
    without it, so it is hidden from them while they are imported.
    """
    known = {TELEMETRY: sys.modules[TELEMETRY]} if TELEMETRY in sys.modules else {}
    # This is how Python itself marks a module that must not be found.
    sys.modules[TELEMETRY] = None  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        del sys.modules[TELEMETRY]
        sys.modules.update(known)
