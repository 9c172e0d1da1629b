"""Answers a second of one shared encoder, beside what people run today; ratios only.

    python benchmarks/inference.py --shape minilm [--rows pipelines limits heads …]
    python benchmarks/inference.py --shape bge-large --device cuda --texts 8192

Weights are random, since only speed is measured. All ways run in one process and on one thread, one after the other in
every repeat, and are compared on the medians of their CPU seconds; on a device, on those of seconds on the clock.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Before torch is imported: it reads its number of threads once.
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import numpy as np
import onnxruntime
import torch
import transformers
from inference_device import measure_device
from inference_work import SHAPES, TASKS, Way, Work, pipelines, prepared, told
from onnx import TensorProto, helper, numpy_helper
from sentence_transformers import SentenceTransformer

from polyhead.model.engine import TorchEngine
from polyhead.runtime.names import GRAPHS
from polyhead.runtime.predictor import Predictor
from polyhead.runtime.session import OnnxEngine, open_session
from polyhead.text.tokens import TokenBatch

FLOAT32, INT8 = "ours, ONNX float32", "ours, ONNX int8"


def arrival_order(work: Work) -> Way:
    """Run one shared encoder, padded, over batches of 32 as the texts come, through the forward of transformers."""
    model, tokenizer = work.model, work.model.tokenizer

    def run() -> None:
        for begin in range(0, len(work.texts), 32):
            batch = tokenizer.batch(tokenizer.tokenize(work.texts[begin : begin + 32]))
            given = model.tensors(batch)
            with torch.inference_mode():
                states = model.encoder(**given).last_hidden_state
                embedding = model.pooling(states, given["attention_mask"].bool())
                for name, task in TASKS.items():
                    logits = model.head(name)(states if task.level == "words" else embedding)
                    task.decode(logits.numpy(), batch)

    return run


def separate(work: Work, names: Sequence[str]) -> Way:
    """Run models of one task each in our own engine."""
    made = [work.exported("onnx") for _ in names]
    return lambda: [each.predict(work.texts, [name]) for each, name in zip(made, names, strict=True)]


def bare(work: Work, graph: str) -> Way:
    """Run the session alone, on full batches of equal lengths that hold as many tokens as the texts."""
    engine = OnnxEngine(work.folder / GRAPHS[graph])
    ids = np.full((16, 32), 7, dtype=np.int64)
    none = np.zeros(16, dtype=bool)
    batch = TokenBatch(texts=("",) * 16, ids=ids, mask=ids > 0, words=None, borders=None, truncated=none)
    times = max(1, round(int(work.lengths(work.texts).sum()) / ids.size))
    return lambda: [engine.run(batch, tuple(TASKS)) for _ in range(times)]


def products(operations: float) -> dict[str, Way]:
    """Multiply float32 matrices, for as many operations as the encoder needs, with the two libraries that we run."""
    found: dict[str, Way] = {}
    # Each library does the sizes where it was found fastest.
    for library, rows, width, inner in (("torch", 512, 1024, 1024), ("onnxruntime", 512, 384, 1536)):
        left, right = torch.randn(rows, width), torch.randn(width, inner)
        times = max(1, round(operations / (2 * rows * width * inner)))
        name = f"GEMM float32, {library}"
        if library == "torch":
            found[name] = _repeated(torch.mm, left, right, times=times)
        else:
            found[name] = _repeated(product_session(right).run, ["c"], {"a": left.numpy()}, times=times)
    return found


def product_session(right: torch.Tensor) -> onnxruntime.InferenceSession:
    """Make a session that multiplies with one matrix."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "peak",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, [None, right.shape[0]])],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [None, right.shape[1]])],
        [numpy_helper.from_array(right.numpy(), "b")],
    )
    opsets = [helper.make_opsetid("", 18)]
    return open_session(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def _repeated(work: Callable[..., object], *given: object, times: int) -> Way:
    return lambda: [work(*given) for _ in range(times)]


def head_ways(work: Work, float32: Predictor) -> dict[str, Callable[[], dict[str, Way]]]:
    """List what more heads cost: beside models of their own, and beside the pass without them."""
    names, every = list(TASKS), list(work.model.tasks)
    return {
        "heads": lambda: {
            "three models in our engine (ONNX)": separate(work, names),
            "five heads, float32": lambda: float32.predict(work.texts, every),
            "five models in our engine (ONNX)": separate(work, every),
        },
        "further": lambda: {
            "a further classification, float32": lambda: float32.predict(work.texts, [*names, "urgency"]),
            "a further entities, float32": lambda: float32.predict(work.texts, [*names, "slots"]),
        },
    }


def ways(work: Work, rows: Sequence[str], sizes: Sequence[int]) -> dict[str, Way]:
    """List everything that is measured: our own engine and the products always, the rest by groups of rows."""
    float32, int8 = work.exported("onnx"), work.exported("onnx-int8")
    names = list(TASKS)
    sentences = SentenceTransformer(str(work.folder), device="cpu")
    torch_engine = work.predictor(TorchEngine(work.model))
    groups: dict[str, Callable[[], dict[str, Way]]] = {
        "pipelines": lambda: {f"three pipelines, batch {size}": pipelines(work, size) for size in sizes},
        "others": lambda: {
            "shared, padded, arrival order, batch 32 (torch)": arrival_order(work),
            "sentence-transformers encode": lambda: sentences.encode(list(work.texts), show_progress_bar=False),
            "ours, torch": lambda: torch_engine.predict(work.texts, names),
        },
        "limits": lambda: {
            "bare session, float32": bare(work, "onnx"),
            "bare session, int8": bare(work, "onnx-int8"),
            "ours, ONNX float32, to JSON": lambda: [each.to_json() for each in float32.predict(work.texts, names)],
            "tokenizing alone": lambda: float32.tokenize(work.texts, names),
        },
        "fixed": lambda: {
            "texts of 128 tokens, float32": lambda: float32.predict(work.fixed, names),
            "texts of 128 tokens, int8": lambda: int8.predict(work.fixed, names),
        },
        **head_ways(work, float32),
        "openvino": lambda: {
            f"ours, OpenVINO {kind}": partial(work.exported(engine).predict, work.texts, names)
            for kind, engine in (("float32", "openvino"), ("int8", "openvino-int8"))
        },
    }
    found = {name: way for group in rows for name, way in groups[group]().items()}
    own: dict[str, Way] = {
        FLOAT32: lambda: float32.predict(work.texts, names),
        INT8: lambda: int8.predict(work.texts, names),
    }
    return {**found, **own, **products(work.operations())}


def measured(found: Mapping[str, Way], repeats: int) -> dict[str, np.ndarray]:
    """Run all ways in turn, and return the CPU seconds and the wall seconds of each, shape `(repeats, 2)`."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for repeat in range(repeats + 1):
        for name, way in found.items():
            wall, processor = time.perf_counter(), time.process_time()
            way()
            # The first round warms up.
            if repeat:
                seconds[name].append((time.process_time() - processor, time.perf_counter() - wall))
        print(f"repeat {repeat} of {repeats} done", file=sys.stderr)
    return {name: np.array(of) for name, of in seconds.items()}


def same_labels(work: Work) -> float:
    """Return the share of texts for which float32 ONNX and torch answer alike."""
    answers: list[list[Any]] = []
    for engine in (TorchEngine(work.model), OnnxEngine(work.folder / GRAPHS["onnx"])):
        found = work.predictor(engine).predict(work.texts, list(TASKS))
        spans = [[(span.start, span.end, span.label) for span in answer["names"].spans] for answer in found]
        answers.append([(a["topic"].label, a["mood"].label, of) for a, of in zip(found, spans, strict=True)])
    return float(np.mean([left == right for left, right in zip(*answers, strict=True)]))


def show(work: Work, seconds: Mapping[str, np.ndarray], base: str) -> None:
    """Print the table and the numbers that follow from it."""
    products = [name for name in seconds if name.startswith("GEMM")]
    peak = np.min([seconds[name] for name in products], axis=0)
    print(f"\n{told(work, 32)}\n")
    print(f"| way | times {base} (CPU) | (wall) | % of the float32 GEMM peak |\n|---|---|---|---|")
    for name, own in seconds.items():
        processor, wall = np.median(seconds[base] / own, axis=0)
        print(f"| {name} | {processor:.2f} | {wall:.2f} | {100 * np.median(peak / own, axis=0)[0]:.0f} |")
    print(f"\nTexts with the same labels in torch and float32 ONNX: {100 * same_labels(work):.1f} %")
    fixed = work.lengths(work.fixed).sum() / work.lengths(work.texts).sum()
    for name, above, below, factor in (
        ("int8 against float32", FLOAT32, INT8, 1.0),
        ("float32, OpenVINO against ours, ONNX", FLOAT32, "ours, OpenVINO float32", 1.0),
        ("int8, OpenVINO against ours, ONNX", INT8, "ours, OpenVINO int8", 1.0),
        ("One shared pass against three models", "three models in our engine (ONNX)", FLOAT32, 1.0),
        ("Five heads in one pass against five models", "five models in our engine (ONNX)", "five heads, float32", 1.0),
        ("float32, mixed against fixed lengths, a real token", FLOAT32, "texts of 128 tokens, float32", fixed),
        ("int8, mixed against fixed lengths, a real token", INT8, "texts of 128 tokens, int8", fixed),
        ("float32, ours against the bare session", FLOAT32, "bare session, float32", 1.0),
        ("int8, ours against the bare session", INT8, "bare session, int8", 1.0),
        ("A further classification head", "a further classification, float32", FLOAT32, 1.0),
        ("A further entities head", "a further entities, float32", FLOAT32, 1.0),
    ):
        if {above, below} <= seconds.keys():
            print(f"{name}: {factor * np.median(seconds[above] / seconds[below], axis=0)[0]:.3f}")


def main() -> None:
    """Measure one shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="minilm")
    parser.add_argument("--device", help="`cuda`, say: the torch engine there, beside others; without it, a processor")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--rows", nargs="*", default=["pipelines", "others", "limits", "fixed", "heads", "further", "openvino"]
    )
    parser.add_argument("--pipeline-batches", type=int, nargs="*", default=[1, 8, 32])
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        if options.device:
            work = prepared(options.shape, options.texts, Path(folder), export=False)
            measure_device(work, torch.device(options.device), options.pipeline_batches, repeats=options.repeats)
            return
        rows = list(options.rows)
        if "openvino" in rows and find_spec("nncf") is None:
            print('no rows of OpenVINO: they need `pip install "polyhead[openvino-int8]"`', file=sys.stderr)
            rows.remove("openvino")
        work = prepared(options.shape, options.texts, Path(folder), openvino="openvino" in rows)
        found = ways(work, rows, options.pipeline_batches)
        known = f"three pipelines, batch {options.pipeline_batches[-1]}" if "pipelines" in options.rows else FLOAT32
        show(work, measured(found, options.repeats), known)


if __name__ == "__main__":
    main()
