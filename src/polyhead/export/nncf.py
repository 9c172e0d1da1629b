"""An encoder in int8 for OpenVINO, by NNCF: weights by channel, states by ranges that real texts have shown.

The same products are converted as for onnxruntime: those of the encoder, not those of pooling, projection and heads.
"""

import io
import logging
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import numpy as np
import onnx

from polyhead.export.int8 import products
from polyhead.runtime.names import MASK, TOKENS
from polyhead.runtime.telemetry import no_telemetry
from polyhead.text.tokens import TokenBatch

with no_telemetry():
    import nncf
    import openvino

PRODUCTS = frozenset({"Gemm", "MatMul"})


def write_quantized(
    source: Path, into: Path, *, graph: onnx.ModelProto, kept: Collection[str], batches: Sequence[TokenBatch]
) -> None:
    """Convert a graph to int8 in OpenVINO's format.

    Args:
        source: the file of the float32 graph.
        into: where the graph is written, an `.xml`; its weights are written beside it, as `.bin`.
        graph: what stands in `source`.
        kept: weights that stay in float32.
        batches: tokens of real texts, which show how large states become.
    """
    converted = {product.node.name for product in products(graph) if product.weights not in kept}
    apart = [node.name for node in graph.graph.node if node.op_type in PRODUCTS and node.name not in converted]
    feeds = [{TOKENS: batch.ids, MASK: batch.mask.astype(np.int64)} for batch in batches]
    with _silent():
        quantized = nncf.quantize(
            openvino.Core().read_model(source),
            nncf.Dataset(feeds),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(feeds),
            # A product that OpenVINO has folded away cannot be found, and need not be.
            ignored_scope=nncf.IgnoredScope(names=apart, validate=False),
        )
    into.parent.mkdir(exist_ok=True)
    openvino.save_model(quantized, into, compress_to_fp16=False)


@contextmanager
def _silent() -> Generator[None]:
    """Keep NNCF's progress and advice off the standard output, which belongs to answers."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
