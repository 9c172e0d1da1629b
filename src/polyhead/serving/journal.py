"""Structured log lines: lengths, ids and times, never a text."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOGGER = logging.getLogger("polyhead.serving")


class JsonLines(logging.Formatter):
    """Writes each record as one line of JSON, whatever it holds."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **fields,
        }
        # A traceback ends with the error's message, which may hold a text.
        if record.exc_info and record.exc_info[1] is not None:
            document |= _place(record.exc_info[1])
        return json.dumps(document)


def log_to_stderr() -> None:
    """Send the log of the server and of Uvicorn to stderr, a line of JSON a record."""
    channel = logging.StreamHandler(sys.stderr)
    channel.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [channel]
    root.setLevel(logging.INFO)


def log(event: str, fields: dict[str, Any]) -> None:
    """Write one line."""
    if LOGGER.isEnabledFor(logging.INFO):
        # `info` would look through the stack for its caller, which takes longer than all else and which no line tells.
        record = LOGGER.makeRecord(LOGGER.name, logging.INFO, __file__, 0, event, (), None, extra={"fields": fields})
        LOGGER.handle(record)


def log_failure(stage: str, error: BaseException, request_id: str = "") -> None:
    """Write where something failed; what the error says may hold a text, so it is left out."""
    LOGGER.error("failure", extra={"fields": {"stage": stage, "request_id": request_id, **_place(error)}})


def _place(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "frames": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
    }
