"""Writes the graphs of a model into its folder, after they were proven to answer alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyhead.errors import ExportError
from polyhead.export.build import Way
from polyhead.export.measuring import Measured
from polyhead.export.parity import Parity
from polyhead.export.publishing import add_graphs
from polyhead.export.samples import first_passages, labelled_rows, recipe_sources
from polyhead.export.writing import GraphWriter
from polyhead.folder import read_manifest
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import DataSource
from polyhead.staging import stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export made.

    Args:
        files: bytes of each graph, by its path in the folder.
        way: whether the graph was built by hand or traced by torch.
        parity: of the float32 graph with the model.
        int8: how int8 was measured, by the word for its engine; empty when it was not asked for.
        openvino: parity of the float32 graph, run by OpenVINO; absent when it was not asked for.
    """

    files: Mapping[str, int]
    way: Way
    parity: Parity
    int8: Mapping[str, Measured] = field(default_factory=dict[str, Measured])
    openvino: Parity | None = None

    def records(self) -> dict[str, dict[str, Any]]:
        """Return what the manifest keeps, by the word for each engine."""
        parities = {"onnx": self.parity, "openvino": self.openvino}
        found = {engine: {"parity": parity.to_json()} for engine, parity in parities.items() if parity is not None}
        found |= {engine: measured.to_json() for engine, measured in self.int8.items()}
        return {engine: {"graph": self.way, **record} for engine, record in found.items()}


def export_model(
    folder: Path,
    *,
    int8: bool = False,
    openvino: bool = False,
    data: Sequence[Path] = (),
    allow_loss: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write `onnx/model.onnx`, and `onnx/model_int8.onnx` when asked, into a model folder.

    Args:
        folder: the model folder; graphs that are there are replaced.
        int8: whether to write the int8 graph, too.
        openvino: whether to prove the float32 graph for OpenVINO, too; with `int8`, to write `openvino/model_int8.xml`.
        data: labelled rows that int8 is measured on; the dev rows of the recipe when absent.
        allow_loss: whether int8 may lose more than half a point of a task's primary metric, or stay unmeasured.
        tell: receives a line for each step.

    Raises:
        FolderError: the folder is absent or altered.
        DataError: the labelled rows are wrong.
        ExportError: the graph does not answer as the model does, or int8 loses too much or cannot be measured.
        MissingExtraError: OpenVINO or its NNCF is asked for and not installed.
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
        proven = writer.openvino() if openvino else None
        engines = [engine for engine, asked in (("onnx-int8", int8), ("openvino-int8", int8 and openvino)) if asked]
        measured = {engine: writer.int8(engine, graph, rows, allow_loss=allow_loss) for engine in engines}
        sizes = {path.relative_to(staging.path).as_posix(): path.stat().st_size for path in writer.written()}
        exported = Exported(files=sizes, way=way, parity=parity, int8=measured, openvino=proven)
        add_graphs(folder, staging.path, manifest=read_manifest(folder, verify=False), records=exported.records())
    return exported
