"""From a model folder to a predictor, with the engine that suits it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from polyhead.errors import MissingExtraError, UsageError, did_you_mean
from polyhead.runtime.predictor import Predictor


def load(folder: str | Path, *, engine: str | None = None) -> Predictor:
    """Open a model folder, ready to answer.

    Args:
        folder: what `train` or `save_pretrained` made.
        engine: what runs the encoder; the best that the folder and the installation have when absent.

    Raises:
        FolderError: the folder is absent, altered or of a later format.
        UsageError: there is no engine of that name.
        MissingExtraError: the engine's packages are not installed.
    """
    chosen = engine or "torch"
    if chosen not in ENGINES:
        message = f"`engine` must be one of {', '.join(ENGINES)}. Found {chosen!r}{did_you_mean(chosen, ENGINES)}."
        raise UsageError(message)
    return ENGINES[chosen](Path(folder))


def _with_torch(folder: Path) -> Predictor:
    # torch takes seconds to import and is absent where only other engines run.
    try:
        import torch  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport]
    except ModuleNotFoundError as error:
        what, package = "the torch engine", "torch"
        raise MissingExtraError(what, package, "train") from error
    from polyhead.model.engine import TorchEngine  # noqa: PLC0415
    from polyhead.model.multitask import MultiTaskModel  # noqa: PLC0415

    model = MultiTaskModel.from_pretrained(folder)
    return Predictor(tasks=model.tasks, tokenizer=model.tokenizer, engine=TorchEngine(model))


ENGINES: Mapping[str, Callable[[Path], Predictor]] = {"torch": _with_torch}
