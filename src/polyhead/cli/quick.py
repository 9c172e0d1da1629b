"""Plain calls of `predict`, read without Typer, which takes longer to start than a text takes to be answered.

Only what cannot be meant in another way is read here. All else, and whatever is wrong, is left to Typer.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from polyhead.cli.question import MOST_THREADS, Question

VALUES = {
    "--input": "source",
    "--output": "output",
    "--tasks": "tasks",
    "--engine": "engine",
    "--threads": "threads",
}
"""Options of `predict` with a value, and what its parameters call them; a test holds both to Typer's."""

FLAGS = {"--json": "as_json"}
"""Options without a value."""


def quickly_read(words: Sequence[str]) -> Question | None:
    """Read a call of `predict`; nothing when it is another command, or when only Typer can tell what is meant.

    Args:
        words: of the command line, the program's name apart.
    """
    # Elsewhere Typer expands patterns of file names, which shells do here.
    if os.name != "posix" or list(words[:1]) != ["predict"]:
        return None
    parted = _parted(words[1:])
    if parted is None or not parted[0]:
        return None
    (model, *texts), options = parted
    threads = options.get("threads")
    if not model or (threads is not None and not _is_count(threads)):
        return None
    return Question(
        model=Path(model),
        texts=texts or None,
        source=options.get("source"),
        output=Path(options["output"]) if "output" in options else None,
        tasks=options.get("tasks"),
        as_json="as_json" in options,
        engine=options.get("engine"),
        threads=None if threads is None else int(threads),
    )


def _parted(words: Sequence[str]) -> tuple[list[str], dict[str, str]] | None:
    """Tell arguments from options; nothing when an option is unknown, doubled or without a plain value."""
    places: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            places.append(word)
            continue
        field = VALUES.get(name) or FLAGS.get(word)
        if field is None or field in options:
            return None
        if name in VALUES:
            value = value if equals else next(rest, "")
            if not value or (value.startswith("-") and value != "-"):
                return None
        options[field] = value
    return places, options


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) <= MOST_THREADS
