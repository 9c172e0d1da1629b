"""What `polyhead predict` is asked."""

from pathlib import Path
from typing import NamedTuple

MOST_THREADS = 1024
"""Beyond any machine of ours; more are a slip of the finger."""


class Question(NamedTuple):
    """A call of `predict`, however it was read.

    Args:
        model: the model folder.
        texts: texts of the command line, if any.
        source: the file of texts, `-` for stdin, if one is given.
        output: where the answers go, instead of to stdout.
        tasks: names between commas; all when absent.
        as_json: whether answers are JSON Lines.
        engine: the word for what runs the encoder.
        threads: batches at a time.
    """

    model: Path
    texts: list[str] | None
    source: str | None
    output: Path | None
    tasks: str | None
    as_json: bool
    engine: str | None
    threads: int | None
