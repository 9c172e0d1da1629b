"""`polyhead export`: the model as an ONNX graph in its folder, for answers without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyhead.cli.extras import need_packages

if TYPE_CHECKING:
    from polyhead.export.exporting import Exported
    from polyhead.export.parity import Parity

PACKAGES = ("torch", "transformers", "pyarrow")


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The model folder.")],
    *,
    int8: Annotated[bool, typer.Option("--int8", help="Write an int8 graph, too: smaller and faster.")] = False,
    openvino: Annotated[
        bool, typer.Option("--openvino", help="Prove it for OpenVINO, too; with --int8, write an int8 graph for it.")
    ] = False,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="FILE", help="Labelled rows that int8 is measured on. Default: the recipe's dev rows."
        ),
    ] = None,
    allow_loss: Annotated[
        bool, typer.Option("--allow-loss", help="Take int8 even if it loses more than half a point, or unmeasured.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was measured as one JSON document.")] = False,
) -> None:
    """Write a model as ONNX into its folder."""
    need_packages("export", PACKAGES)
    need_packages("export", ("onnx",), extra="export")
    if openvino:
        need_packages("export --openvino", ("openvino",), extra="openvino")
    if openvino and int8:
        need_packages("export --openvino --int8", ("nncf",), extra="openvino-int8")
    from polyhead.cli.printing import output_console, print_json, tell  # noqa: PLC0415  the help needs no torch
    from polyhead.export.exporting import export_model  # noqa: PLC0415

    files = tuple(data or ())
    exported = export_model(model, int8=int8, openvino=openvino, data=files, allow_loss=allow_loss, tell=tell)
    if as_json:
        print_json({"files": dict(exported.files), "exports": exported.records()})
        return
    console = output_console()
    for line in told(exported):
        console.print(line, soft_wrap=True)
    console.print(f'Answers without torch: polyhead predict {model} "…"', soft_wrap=True)


def told(exported: "Exported") -> list[str]:
    """Say what an export made, in lines for people."""
    lines = [f"{name}  {size / 1e6:,.1f} MB" for name, size in exported.files.items()]
    lines.append(_told_of_parity("Parity", exported.parity))
    if exported.openvino is not None:
        lines.append(_told_of_parity("Parity with OpenVINO", exported.openvino))
    for engine, measured in exported.int8.items():
        lines += _told_of_int8(engine, measured.to_json())
    return lines


def _told_of_parity(title: str, parity: "Parity") -> str:
    return (
        f"{title}: on {parity.texts:,} texts all answers are the same; "
        f"the largest difference of a logit is {parity.difference:.1e}."
    )


def _told_of_int8(engine: str, measured: dict[str, Any]) -> list[str]:
    if not measured["rows"]:
        return [f"{engine}: not measured, because there were no labelled rows."]
    kept = measured["float_layers"]
    lines = [f"{engine}: primary metrics on {measured['rows']:,} dev rows, with {len(kept)} layers in float32:"]
    return lines + [
        f"  {task}: {100 * of['before']:.2f} → {100 * of['after']:.2f}" for task, of in measured["primary"].items()
    ]
