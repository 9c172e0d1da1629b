"""Writes the graphs of a model into its folder, after they were proven to answer alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from torch.onnx import OnnxExporterError

from polyhead.data.rows import Rows
from polyhead.errors import ExportError
from polyhead.export.build import Way, built_graph
from polyhead.export.int8 import quantized
from polyhead.export.measuring import ALLOWED_LOSS, Measured, primaries, smallest_loss
from polyhead.export.parity import Parity, compare, edge_texts
from polyhead.export.precision import weakest_first
from polyhead.export.publishing import add_graphs
from polyhead.export.samples import first_passages, labelled_rows, recipe_sources
from polyhead.export.traced import traced_graph
from polyhead.folder import read_manifest
from polyhead.model.engine import TorchEngine
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import DataSource
from polyhead.runtime.names import GRAPHS
from polyhead.runtime.session import OnnxEngine
from polyhead.staging import stage
from polyhead.text.tokens import Passage

LARGEST = 2**31 - 2**24
"""Bytes of a graph in one file; the format counts no further than 2 GB."""

RANKED = 32
"""Texts that layers are ranked on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export made.

    Args:
        files: bytes of each graph, by its path in the folder.
        way: whether the graph was built by hand or traced by torch.
        parity: of the float32 graph with the model.
        int8: how int8 was measured; absent when it was not asked for.
    """

    files: Mapping[str, int]
    way: Way
    parity: Parity
    int8: Measured | None = None

    def records(self) -> dict[str, dict[str, Any]]:
        """Return what the manifest keeps, by the word for each engine."""
        found: dict[str, dict[str, Any]] = {"onnx": {"graph": self.way, "parity": self.parity.to_json()}}
        if self.int8 is not None:
            found["onnx-int8"] = {"graph": self.way, **self.int8.to_json()}
        return found


def export_model(
    folder: Path,
    *,
    int8: bool = False,
    data: Sequence[Path] = (),
    allow_loss: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write `onnx/model.onnx`, and `onnx/model_int8.onnx` when asked, into a model folder.

    Args:
        folder: the model folder; graphs that are there are replaced.
        int8: whether to write the int8 graph, too.
        data: labelled rows that int8 is measured on; the dev rows of the recipe when absent.
        allow_loss: whether int8 may lose more than half a point of a task's primary metric, or stay unmeasured.
        tell: receives a line for each step.

    Raises:
        FolderError: the folder is absent or altered.
        DataError: the labelled rows are wrong.
        ExportError: the graph does not answer as the model does, or int8 loses too much or cannot be measured.
        StorageError: a file cannot be written.
    """
    model = MultiTaskModel.from_pretrained(folder)
    training, dev = recipe_sources(folder)
    given = tuple(DataSource(path=str(path)) for path in data)
    rows = labelled_rows(given or dev, model.tasks) if int8 else None
    if int8 and not rows and not allow_loss:
        rule = "int8 must be measured on labelled rows. The recipe in the folder names no dev rows within reach."
        message = f"{folder}: {rule} Name some with --data FILE, or pass --allow-loss."
        raise ExportError(message)
    with stage(folder, overwrite=True) as staging:
        writer = GraphWriter(model, first_passages((*training, *given)), staging.path, tell)
        graph, way, parity = writer.float32()
        measured = writer.int8(graph, rows, allow_loss=allow_loss) if int8 else None
        sizes = {path.relative_to(staging.path).as_posix(): path.stat().st_size for path in writer.written()}
        exported = Exported(files=sizes, way=way, parity=parity, int8=measured)
        add_graphs(folder, staging.path, manifest=read_manifest(folder, verify=False), records=exported.records())
    return exported


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
            parity = self._compared(self._write("onnx", graph))
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
        parity = self._compared(self._write("onnx", graph))
        if not parity.holds:
            raise _unequal(parity)
        return graph, "traced", parity

    def int8(self, graph: onnx.ModelProto, rows: Rows | None, *, allow_loss: bool) -> Measured:
        """Write the int8 graph, with as many layers in float32 as its loss asks for."""
        before = {} if rows is None else self._primaries("onnx", rows)

        def attempt(kept: Sequence[str]) -> Measured:
            self._write("onnx-int8", quantized(graph, kept=kept))
            after = {} if rows is None else self._primaries("onnx-int8", rows)
            found = Measured(rows=len(rows or ()), before=before, after=after, kept=tuple(kept))
            self.tell(f"int8 with {len(kept)} layers in float32 loses {found.loss:.2f} points at most.")
            return found

        def ranked() -> list[str]:
            tokenizer = self.model.tokenizer
            return weakest_first(graph, [tokenizer.batch([text]) for text in tokenizer.tokenize(self._sample())])

        best = smallest_loss(attempt, ranked)
        if not best.allowed and not allow_loss:
            raise _lossy(best)
        self._write("onnx-int8", quantized(graph, kept=best.kept))
        return best

    def written(self) -> list[Path]:
        """List the graphs that are there."""
        return [self.folder / name for name in GRAPHS.values() if (self.folder / name).exists()]

    def _write(self, engine: str, graph: onnx.ModelProto) -> Path:
        path = self.folder / GRAPHS[engine]
        size = graph.ByteSize()
        if size > LARGEST:
            message = f"a graph in one file must be smaller than 2 GB. Found {size / 1e9:.1f} GB. Use the torch engine."
            raise ExportError(message)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(graph.SerializeToString())
        return path

    def _compared(self, path: Path) -> Parity:
        return compare(
            TorchEngine(self.model),
            OnnxEngine(path),
            tokenizer=self.model.tokenizer,
            tasks=self.model.tasks,
            texts=self._compared_texts(),
        )

    def _compared_texts(self) -> list[str | Passage]:
        return [*edge_texts(self.model.tokenizer, [passage.text for passage in self.texts]), *self.texts]

    def _sample(self) -> Sequence[str | Passage]:
        return self.texts[:RANKED] or edge_texts(self.model.tokenizer, ())

    def _primaries(self, engine: str, rows: Rows) -> dict[str, float]:
        return primaries(
            OnnxEngine(self.folder / GRAPHS[engine]), rows, tasks=self.model.tasks, tokenizer=self.model.tokenizer
        )


def _unequal(parity: Parity) -> ExportError:
    found = f"Found a difference of {parity.difference:.1e} and {parity.unequal} of {parity.texts} answers unequal"
    example = "" if parity.example is None else f", the first for {parity.example[:60]!r}"
    return ExportError(
        f"the graph must answer as the model does. {found}{example}. Use the torch engine, and report it."
    )


def _lossy(measured: Measured) -> ExportError:
    lines = [f"int8 may lose {ALLOWED_LOSS} points of a task's primary metric. On {measured.rows} rows it loses more:"]
    lines += [
        f"  {task}: {100 * before:.2f} → {100 * measured.after[task]:.2f}" for task, before in measured.before.items()
    ]
    return ExportError("\n".join([*lines, "Keep the float32 graph, or pass --allow-loss."]))
