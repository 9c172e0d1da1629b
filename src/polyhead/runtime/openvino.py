"""The engine that runs an exported graph with OpenVINO: no torch, and one thread a call."""

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyhead.errors import FolderError
from polyhead.runtime.engine import EngineOutputs
from polyhead.runtime.names import EMBEDDING, MASK, TOKENS, logits_name, rows_name
from polyhead.runtime.telemetry import no_telemetry
from polyhead.runtime.workers import usable_cores
from polyhead.spans import Integers
from polyhead.text.tokens import TokenBatch

with no_telemetry():
    import openvino
    from openvino import opset15 as operators
    from openvino.op import Constant

LOGITS = logits_name("")
NO_ROWS = np.zeros(1, dtype=np.int64)


class OpenVinoEngine:
    """Runs a graph that `polyhead export` wrote; any number of threads may call it at once.

    Args:
        graph: the file, as ONNX or in OpenVINO's own format.

    Raises:
        FolderError: OpenVINO cannot read it.
    """

    def __init__(self, graph: Path) -> None:
        core = openvino.Core()
        try:
            model = core.read_model(graph)
            self._all_rows = _switched(model)
            _without_states(model)
            self._compiled = core.compile_model(model, "CPU", _settings())
        except RuntimeError as error:
            found = f"Found: {str(error).strip()}. Use the engine onnx or torch."
            message = f"{graph} must be a graph that OpenVINO can read. {found}"
            raise FolderError(message) from error
        self._outputs = _names(self._compiled.outputs)
        self._requests = deque[openvino.InferRequest]()

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        """Compute the logits of the named tasks, and the embedding, in one pass."""
        tasks = [name for name in tasks if logits_name(name) in self._outputs]
        asked = set(map(rows_name, tasks))
        feeds: dict[str, Any] = {TOKENS: batch.ids.astype(np.int64, copy=False), MASK: batch.mask.astype(np.int64)}
        feeds |= {name: rows if name in asked else NO_ROWS for name, rows in self._all_rows.items()}
        try:
            request = self._requests.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        found = request.infer(feeds)
        # A request belongs to one call at a time; there are as many as there ever were calls at once.
        self._requests.append(request)
        return EngineOutputs({name: found[logits_name(name)] for name in tasks}, found[EMBEDDING])


def _settings() -> dict[str, Any]:
    # Calls that come while all streams are at work wait, and a server does not tell how many it will make.
    streams = usable_cores()
    return {
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": streams,
        # Where the processor multiplies bfloat16, OpenVINO would take it, and the answers would be others.
        "INFERENCE_PRECISION_HINT": "f32",
        # Threads are the predictor's, and the system's to place.
        "ENABLE_CPU_PINNING": False,
        "LOG_LEVEL": "LOG_ERROR",
    }


def _switched(model: openvino.Model) -> dict[str, Integers]:
    """Make the numbers of rows of the heads, which OpenVINO takes for constants, inputs; return them by name."""
    switches = {rows_name(name.removesuffix(LOGITS)) for name in _names(model.outputs) if name.endswith(LOGITS)}
    found: dict[str, Integers] = {}
    for constant in model.get_ops():
        name = constant.get_friendly_name()
        if name in switches and isinstance(constant, Constant):
            found[name] = np.array(constant.data, dtype=np.int64)
            switch = operators.parameter([1], openvino.Type.i64, name=name)
            switch.output(0).set_names({name})
            constant.output(0).replace(switch.output(0))
            model.add_parameters([switch])
    return found


def _without_states(model: openvino.Model) -> None:
    """Drop the states of tokens from the results, which nobody here reads and which would be copied."""
    for result in model.get_results():
        if not any(name == EMBEDDING or name.endswith(LOGITS) for name in result.output(0).get_names()):
            model.remove_result(result)


def _names(outputs: Iterable[Any]) -> set[str]:
    return {name for output in outputs for name in output.get_names()}
