"""What commands that train a model have in common: progress, how to go on after Ctrl-C, and the scores."""

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from polyhead.training.progress import Progress
    from polyhead.training.result import TrainingResult


def show_training(train: "Callable[[Progress], TrainingResult]", *, command: str) -> None:
    """Run a training and show what came of it.

    Args:
        train: the training, which tells its progress.
        command: what goes on after an interruption.
    """
    from polyhead.cli.printing import error_console, output_console, tell  # noqa: PLC0415  the help needs no rich
    from polyhead.cli.tables import show_metrics  # noqa: PLC0415
    from polyhead.training.progress import Written  # noqa: PLC0415

    try:
        result = train(Written(error_console()))
    except KeyboardInterrupt:
        tell(f"Interrupted; what was finished is saved. Go on: {command}")
        raise
    console = output_console()
    for split, metrics in (("dev", result.dev), ("test", result.test)):
        if metrics is not None:
            show_metrics(console, metrics, title=split)
    console.print(f'The model is in {result.folder}. Try: polyhead predict {result.folder} "…"', soft_wrap=True)


def going_on(command: str, *words: object, overrides: "Sequence[str] | None") -> str:
    """Return the command that goes on with an interrupted one, as a shell takes it."""
    changes = [part for change in overrides or () for part in ("--set", change)]
    return shlex.join(["polyhead", command, *map(str, words), *changes, "--resume"])
