"""From a model folder to a predictor, with the engine that suits it."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from polyhead.errors import MissingExtraError, UsageError, did_you_mean
from polyhead.folder import read_manifest
from polyhead.runtime.names import GRAPHS
from polyhead.runtime.predictor import BUDGET, Predictor
from polyhead.runtime.workers import usable_cores
from polyhead.text.tokens import TextTokenizer

TOKENIZER = "tokenizer.json"

DEVICE_BUDGET = 16_384
"""Padded tokens of a batch on CUDA, which small ones leave idle; not measured yet."""

DEVICE_THREADS = 2
"""On CUDA, one batch is tokenized or decoded while the device works on another; not measured yet."""


def load(folder: str | Path, *, engine: str | None = None, threads: int | None = None) -> Predictor:
    """Open a model folder, ready to answer.

    Args:
        folder: what `train` or `save_pretrained` made.
        engine: what runs the encoder. When absent, `onnx` where the folder has been exported and `torch` elsewhere;
            `onnx-int8`, whose answers differ a little, is used when it is asked for. Where torch finds CUDA, `torch`
            runs there, in bfloat16.
        threads: batches that are worked on at the same time; one a core when absent.

    Raises:
        FolderError: the folder is absent, altered or of a later format.
        UsageError: there is no engine of that name, or the folder was not exported for it.
        MissingExtraError: the engine's packages are not installed.
    """
    path = Path(folder)
    chosen = engine or _best(path)
    if chosen not in ENGINES:
        message = f"`engine` must be one of {', '.join(ENGINES)}. Found {chosen!r}{did_you_mean(chosen, ENGINES)}"
        raise UsageError(message)
    return ENGINES[chosen](path, threads)


def _best(folder: Path) -> str:
    files = read_manifest(folder, verify=False).files
    return "onnx" if GRAPHS["onnx"] in files else "torch"


def _with_onnx(engine: str, folder: Path, threads: int | None) -> Predictor:
    graph = GRAPHS[engine]
    manifest = read_manifest(folder, only={TOKENIZER, graph})
    if graph not in manifest.files:
        command = f"polyhead export {folder}" + (" --int8" if engine != "onnx" else "")
        message = f"engine {engine!r} needs {graph} in the model folder. Found none. Write it with `{command}`."
        raise UsageError(message)
    # onnxruntime takes a tenth of a second to import, which a folder that is refused need not cost.
    from polyhead.runtime.session import OnnxEngine  # noqa: PLC0415

    # A graph needs twice its size for a moment; what it gives back is enough for the tokenizer.
    opened = OnnxEngine(folder / graph)
    tokenizer = TextTokenizer.from_folder(
        folder,
        max_tokens=manifest.max_tokens,
        padding_id=manifest.padding_id,
        filler_id=manifest.filler_id,
        overlap=manifest.overlap,
    )
    return Predictor(tasks=manifest.tasks, tokenizer=tokenizer, engine=opened, threads=threads or usable_cores())


def _with_torch(folder: Path, threads: int | None) -> Predictor:
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            what = "the torch engine"
            raise MissingExtraError(what, package, "train")
    # torch takes seconds to import and is absent where only other engines run.
    import torch  # noqa: PLC0415

    from polyhead.model.engine import TorchEngine  # noqa: PLC0415
    from polyhead.model.multitask import MultiTaskModel  # noqa: PLC0415

    if threads is not None:
        torch.set_num_threads(threads)
    model = MultiTaskModel.from_pretrained(folder)
    budget, batches = BUDGET, 1
    if torch.cuda.is_available():
        # Half precision is what its matrix units are made for, and what its attention of packed texts takes.
        model, budget, batches = model.to("cuda", torch.bfloat16), DEVICE_BUDGET, DEVICE_THREADS
    engine = TorchEngine(model)
    # On a processor torch uses all its threads for each batch.
    return Predictor(tasks=model.tasks, tokenizer=model.tokenizer, engine=engine, budget=budget, threads=batches)


ENGINES: Mapping[str, Callable[[Path, int | None], Predictor]] = {
    "onnx": partial(_with_onnx, "onnx"),
    "onnx-int8": partial(_with_onnx, "onnx-int8"),
    "torch": _with_torch,
}
