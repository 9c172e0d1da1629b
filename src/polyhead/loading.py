"""From a model folder to a predictor, with the engine that suits it."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from polyhead.errors import MissingExtraError, UsageError, did_you_mean
from polyhead.folder import read_manifest
from polyhead.manifest import ENCODER_WEIGHTS, MANIFEST
from polyhead.runtime.engine import Engine
from polyhead.runtime.names import GRAPHS
from polyhead.runtime.predictor import BUDGET, Predictor
from polyhead.runtime.workers import usable_cores
from polyhead.text.tokens import TextTokenizer

TOKENIZER = "tokenizer.json"

OPENVINO = frozenset({"openvino", "openvino-int8"})
OPTIONS = {"onnx": "", "onnx-int8": " --int8", "openvino": " --openvino", "openvino-int8": " --openvino --int8"}
"""What `polyhead export` is told, by the word for the engine that needs it."""

DEVICE_BUDGET = 16_384
"""Padded tokens of a batch on CUDA, which small ones leave idle; not measured yet."""

DEVICE_THREADS = 2
"""On CUDA, one batch is tokenized or decoded while the device works on another; not measured yet."""


def load(folder: str | Path, *, engine: str | None = None, threads: int | None = None) -> Predictor:
    """Open a model folder, ready to answer.

    Args:
        folder: what `train` or `save_pretrained` made.
        engine: what runs the encoder. When absent, `onnx` where the folder has been exported and `torch` elsewhere;
            `openvino` and those in int8, whose answers differ a little, are used when they are asked for. Where torch
            finds CUDA, `torch` runs there, in bfloat16.
        threads: batches that are worked on at the same time; one a core when absent.

    Raises:
        FolderError: the folder is absent, altered or of a later format.
        UsageError: there is no engine of that name, the folder was not exported for it, or `threads` is no count.
        MissingExtraError: the engine's packages are not installed.
    """
    path = Path(folder)
    chosen = engine or _best(path)
    if chosen not in ENGINES:
        message = f"`engine` must be one of {', '.join(ENGINES)}. Found {chosen!r}{did_you_mean(str(chosen), ENGINES)}"
        raise UsageError(message)
    if threads is not None and threads < 1:
        message = f"`threads` must be 1 or more. Found {threads}."
        raise UsageError(message)
    return ENGINES[chosen](path, threads)


def _best(folder: Path) -> str:
    files = read_manifest(folder, verify=False).files
    return "onnx" if GRAPHS["onnx"] in files else "torch"


def open_graph(engine: str, path: Path) -> Engine:
    """Make a graph ready to run.

    Args:
        engine: one of those that run graphs.
        path: the graph's file.

    Raises:
        FolderError: the engine cannot read it.
        MissingExtraError: the engine's package is not installed.
    """
    # onnxruntime takes a tenth of a second to import, which a folder that is refused need not cost.
    if engine not in OPENVINO:
        from polyhead.runtime.session import OnnxEngine  # noqa: PLC0415

        return OnnxEngine(path)
    _need_openvino(engine)
    from polyhead.runtime.openvino import OpenVinoEngine  # noqa: PLC0415

    return OpenVinoEngine(path)


def _with_graph(engine: str, folder: Path, threads: int | None) -> Predictor:
    if engine in OPENVINO:
        _need_openvino(engine)
    graph = GRAPHS[engine]
    read = {TOKENIZER, graph, str(PurePosixPath(graph).with_suffix(".bin"))}
    manifest = read_manifest(folder, only=read | _written_later(folder))
    # OpenVINO runs the graph of onnxruntime, and was seen to misread one, so that it must have been proven there, too.
    if graph not in manifest.files or engine not in manifest.exports:
        rule = f"engine {engine!r} needs {graph} in the model folder, measured for it"
        message = f"{rule}. Found none. Write it with `polyhead export {folder}{OPTIONS[engine]}`."
        raise UsageError(message)
    # A graph needs twice its size for a moment; what it gives back is enough for the tokenizer.
    opened = open_graph(engine, folder / graph)
    tokenizer = TextTokenizer.from_folder(
        folder,
        max_tokens=manifest.max_tokens,
        padding_id=manifest.padding_id,
        filler_id=manifest.filler_id,
        overlap=manifest.overlap,
    )
    return Predictor(tasks=manifest.tasks, tokenizer=tokenizer, engine=opened, threads=threads or usable_cores())


def _written_later(folder: Path) -> set[str]:
    """Name the encoder's weights where they are younger than the manifest, and so perhaps no longer the graph's.

    To read them only to compare their hash would take as long as to read the graph.
    """
    weights = folder / ENCODER_WEIGHTS
    later = weights.is_file() and weights.stat().st_mtime_ns > (folder / MANIFEST).stat().st_mtime_ns
    return {ENCODER_WEIGHTS} if later else set()


def _need_openvino(engine: str) -> None:
    if find_spec("openvino") is None:
        what = f"engine {engine!r}"
        raise MissingExtraError(what, "openvino", "openvino")


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
    **{engine: partial(_with_graph, engine) for engine in GRAPHS},
    "torch": _with_torch,
}
