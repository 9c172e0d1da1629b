import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from polyhead.cli.commands import application
from polyhead.cli.export import told
from polyhead.export import exporting
from polyhead.export.exporting import Exported
from polyhead.export.measuring import Measured
from polyhead.export.parity import Parity

PARITY = Parity(texts=261, difference=1.5e-6, unequal=0)
MEASURED = Measured(rows=130, before={"topic": 0.9}, after={"topic": 0.896}, kept=("encoder.1.narrow.weight",))
Calls = list[tuple[Path, dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What the command asked for."""
    made: Calls = []

    def export_model(folder: Path, *, tell: Callable[[str], None], **settings: object) -> Exported:
        made.append((folder, settings))
        tell("a step")
        measured = MEASURED if settings["int8"] else None
        return Exported(files={"onnx/model.onnx": 12_300_000}, way="built", parity=PARITY, int8=measured)

    monkeypatch.setattr(exporting, "export_model", export_model)
    return made


def test_the_command_says_what_was_written_and_proven(calls: Calls) -> None:
    result = CliRunner().invoke(application, ["export", "runs/news"])
    assert result.exit_code == 0, result.output
    assert "onnx/model.onnx  12.3 MB" in result.stdout
    assert "on 261 texts all answers are the same" in result.stdout
    assert "1.5e-06" in result.stdout
    assert 'polyhead predict runs/news "…"' in result.stdout
    assert calls == [(Path("runs/news"), {"int8": False, "data": (), "allow_loss": False})]


def test_options_reach_the_export(calls: Calls) -> None:
    result = CliRunner().invoke(application, ["export", "m", "--int8", "--data", "a.jsonl", "--allow-loss"])
    assert result.exit_code == 0, result.output
    assert calls[0][1] == {"int8": True, "data": [Path("a.jsonl")], "allow_loss": True}
    assert "topic: 90.00 → 89.60" in result.stdout
    assert "130 dev rows, with 1 layers in float32" in result.stdout


@pytest.mark.usefixtures("calls")
def test_json_is_one_document_and_nothing_else() -> None:
    result = CliRunner().invoke(application, ["export", "m", "--int8", "--json"])
    document = json.loads(result.stdout)
    assert document["files"] == {"onnx/model.onnx": 12_300_000}
    assert document["exports"]["onnx"]["parity"]["texts"] == 261
    assert document["exports"]["onnx-int8"]["primary"]["topic"] == {"before": 0.9, "after": 0.896}


def test_int8_that_could_not_be_measured_says_so() -> None:
    unmeasured = Measured(rows=0, before={}, after={})
    lines = told(Exported(files={}, way="built", parity=PARITY, int8=unmeasured))
    assert "not measured" in lines[-1]
