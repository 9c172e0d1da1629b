"""When there is no more memory."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from polyhead.errors import TrainingError


@contextmanager
def told_when_full() -> Generator[None]:
    """Say what to do where memory does not suffice.

    Raises:
        TrainingError: a device or the machine has no more.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # On a processor torch raises the same error for all that goes wrong.
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        found = str(error).splitlines()[0] if str(error) else "no more"
        message = (
            f"training must fit into memory. Found: {found[:200]}. Lower `training.batch_tokens` and raise "
            "`training.accumulate` as much, take a smaller encoder, or lower `encoder.max_tokens`; then --resume."
        )
        raise TrainingError(message) from error
