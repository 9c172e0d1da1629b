"""Writes the graphs of one model, and proves and measures them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import onnx
from torch.onnx import OnnxExporterError

from polyhead.data.rows import Rows
from polyhead.errors import ExportError, FolderError, MissingExtraError
from polyhead.export.build import Way, built_graph
from polyhead.export.int8 import quantized
from polyhead.export.measuring import ALLOWED_LOSS, Measured, primaries, smallest_loss
from polyhead.export.parity import Parity, compare, edge_texts
from polyhead.export.precision import weakest_first
from polyhead.export.traced import traced_graph
from polyhead.loading import open_graph
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.runtime.engine import Engine
from polyhead.runtime.names import GRAPHS
from polyhead.text.tokens import Passage, TokenBatch

LARGEST = 2**31 - 2**24
"""Bytes of a graph in one file; the format counts no further than 2 GB."""

RANKED = 32
"""Texts that layers are ranked on."""

CALIBRATED = 256
"""Texts that show NNCF how large states become."""


@dataclass(frozen=True, slots=True)
class GraphWriter:
    """Writes the graphs of one model into a staging folder.

    Args:
        model: the model.
        texts: real texts that the graph is compared on, with their second texts and given tokens.
        folder: where the graphs go.
        tell: receives a line for each step.
    """

    model: MultiTaskModel
    texts: Sequence[Passage]
    folder: Path
    tell: Callable[[str], None]

    def float32(self) -> tuple[onnx.ModelProto, Way, Parity]:
        """Write the float32 graph: built by hand, or traced where that is not possible or not right."""
        graph = built_graph(self.model)
        if graph is not None:
            self._write("onnx", graph)
            parity = self._compared("onnx")
            if parity.holds:
                return graph, "built", parity
            self.tell(f"The graph built by hand differs by {parity.difference:.1e}; torch traces the model instead.")
        else:
            self.tell(f"{type(self.model.encoder).__name__} is traced by torch, which takes a while.")
        try:
            graph = traced_graph(self.model)
        except OnnxExporterError as error:
            rule = "torch must be able to trace the model, which has no graph built by hand"
            message = f"{rule}. Found: {str(error).splitlines()[0]} Use the torch engine."
            raise ExportError(message) from error
        self._write("onnx", graph)
        parity = self._compared("onnx")
        if not parity.holds:
            raise _unequal(parity, "the graph", "Use the torch engine, and report it.")
        return graph, "traced", parity

    def openvino(self) -> Parity:
        """Prove that OpenVINO reads the float32 graph as it is meant."""
        try:
            parity = self._compared("openvino")
        except (FolderError, RuntimeError) as error:
            message = f"OpenVINO must be able to run the graph. Found: {error} Leave it out, and use the engine onnx."
            raise ExportError(message) from error
        if not parity.holds:
            raise _unequal(parity, "OpenVINO", "Leave it out, use the engine onnx, and report it.")
        return parity

    def int8(self, engine: str, graph: onnx.ModelProto, rows: Rows | None, *, allow_loss: bool) -> Measured:
        """Write the int8 graph of an engine, with as many layers in float32 as its loss asks for."""
        before = {} if rows is None else self._primaries(engine.removesuffix("-int8"), rows)
        written: list[tuple[str, ...]] = []

        def attempt(kept: Sequence[str]) -> Measured:
            self._write_int8(engine, graph, kept)
            written.append(tuple(kept))
            after = {} if rows is None else self._primaries(engine, rows)
            found = Measured(rows=len(rows or ()), before=before, after=after, kept=tuple(kept))
            self.tell(f"{engine} with {len(kept)} layers in float32 loses {found.loss:.2f} points at most.")
            return found

        best = smallest_loss(attempt, lambda: weakest_first(graph, self._sampled(RANKED)))
        if not best.allowed and not allow_loss:
            raise _lossy(engine, best)
        if best.kept != written[-1]:
            self._write_int8(engine, graph, best.kept)
        return best

    def written(self) -> list[Path]:
        """List the files that are there."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def _write_int8(self, engine: str, graph: onnx.ModelProto, kept: Sequence[str]) -> None:
        if engine == "onnx-int8":
            self._write(engine, quantized(graph, kept=kept))
            return
        if find_spec("nncf") is None:
            what = f"the export for {engine}"
            raise MissingExtraError(what, "nncf", "openvino-int8")
        from polyhead.export.nncf import write_quantized  # noqa: PLC0415  an extra of its own

        source, into = self.folder / GRAPHS["openvino"], self.folder / GRAPHS[engine]
        write_quantized(source, into, graph=graph, kept=kept, batches=self._sampled(CALIBRATED))

    def _write(self, engine: str, graph: onnx.ModelProto) -> None:
        path = self.folder / GRAPHS[engine]
        size = graph.ByteSize()
        if size > LARGEST:
            message = f"a graph in one file must be smaller than 2 GB. Found {size / 1e9:.1f} GB. Use the torch engine."
            raise ExportError(message)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(graph.SerializeToString())

    def _compared(self, engine: str) -> Parity:
        return compare(
            TorchEngine(self.model),
            self._opened(engine),
            tokenizer=self.model.tokenizer,
            tasks=self.model.tasks,
            texts=self._compared_texts(),
        )

    def _compared_texts(self) -> list[str | Passage]:
        return [*edge_texts(self.model.tokenizer, [passage.text for passage in self.texts]), *self.texts]

    def _sampled(self, count: int) -> list[TokenBatch]:
        """Return the tokens of some real texts, each text for itself."""
        tokenizer = self.model.tokenizer
        texts = self.texts[:count] or edge_texts(tokenizer, ())
        return [tokenizer.window_batch([text]) for text in tokenizer.tokenize(texts)]

    def _primaries(self, engine: str, rows: Rows) -> dict[str, float]:
        return primaries(self._opened(engine), rows, tasks=self.model.tasks, tokenizer=self.model.tokenizer)

    def _opened(self, engine: str) -> Engine:
        return open_graph(engine, self.folder / GRAPHS[engine])


def _unequal(parity: Parity, who: str, advice: str) -> ExportError:
    found = f"Found a difference of {parity.difference:.1e} and {parity.unequal} of {parity.texts} answers unequal"
    example = "" if parity.example is None else f", the first for {parity.example[:60]!r}"
    return ExportError(f"{who} must answer as the model does. {found}{example}. {advice}")


def _lossy(engine: str, measured: Measured) -> ExportError:
    rule = f"{engine} may lose {ALLOWED_LOSS} points of a task's primary metric"
    lines = [f"{rule}. On {measured.rows} rows it loses more:"]
    lines += [
        f"  {task}: {100 * before:.2f} → {100 * measured.after[task]:.2f}" for task, before in measured.before.items()
    ]
    return ExportError("\n".join([*lines, "Keep the float32 graph, or pass --allow-loss."]))
