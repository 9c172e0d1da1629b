"""The engine that runs an exported graph with onnxruntime: no torch, and one thread a call."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from polyhead.errors import FolderError
from polyhead.runtime.engine import EngineOutputs
from polyhead.runtime.names import EMBEDDING, MASK, TOKENS, logits_name, rows_name
from polyhead.text.tokens import TokenBatch

ERRORS_ONLY = 3
NO_ROWS = np.zeros(1, dtype=np.int64)


class OnnxEngine:
    """Runs a graph that `polyhead export` wrote; any number of threads may call it at once.

    Args:
        graph: the graph's file, or its bytes.

    Raises:
        FolderError: onnxruntime cannot read it.
    """

    def __init__(self, graph: Path | bytes) -> None:
        self._session = open_session(graph)
        self._outputs = {output.name for output in self._session.get_outputs()}
        self._switches = {option.name for option in self._session.get_overridable_initializers()}

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        """Compute the logits of the named tasks, and the embedding, in one pass."""
        tasks = [name for name in tasks if logits_name(name) in self._outputs]
        wanted = [*map(logits_name, tasks), EMBEDDING]
        feeds = {TOKENS: batch.ids.astype(np.int64, copy=False), MASK: batch.mask.astype(np.int64)}
        # onnxruntime computes every output of a graph and throws away those that were not asked for.
        feeds |= dict.fromkeys(self._switches.difference(map(rows_name, tasks)), NO_ROWS)
        results: Sequence[Any] = self._session.run(wanted, feeds)
        *logits, embedding = results
        return EngineOutputs(dict(zip(tasks, logits, strict=True)), embedding)


def open_session(graph: Path | bytes) -> onnxruntime.InferenceSession:
    """Make a graph ready to run on the caller's thread.

    Args:
        graph: the graph's file, or its bytes.

    Raises:
        FolderError: onnxruntime cannot read it.
    """
    options = onnxruntime.SessionOptions()
    # Threads are the predictor's: a batch each scales better than one batch cut up between them.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Graphs are fused when they are exported; to look for more costs time and memory at each start.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # A pattern of memory helps where shapes repeat, which those of texts do not.
    options.enable_mem_pattern = False
    options.log_severity_level = ERRORS_ONLY
    source = graph if isinstance(graph, bytes) else str(graph)
    # onnxruntime has an exception of its own for each status code, all of them built on Exception.
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        found = f"Found: {error}. Export the model again, or install a newer onnxruntime."
        message = f"{'the graph' if isinstance(graph, bytes) else graph} must be a graph for onnxruntime. {found}"
        raise FolderError(message) from error
