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
        engines = ["onnx-int8", "openvino-int8"][: settings["int8"] * (1 + bool(settings["openvino"]))]
        return Exported(
            files={"onnx/model.onnx": 12_300_000},
            way="built",
            parity=PARITY,
            int8=dict.fromkeys(engines, MEASURED),
            openvino=PARITY if settings["openvino"] else None,
        )

    monkeypatch.setattr(exporting, "export_model", export_model)
    return made


def test_the_command_says_what_was_written_and_proven(calls: Calls) -> None:
    result = CliRunner().invoke(application, ["export", "runs/news"])
    assert result.exit_code == 0, result.output
    assert "onnx/model.onnx  12.3 MB" in result.stdout
    assert "on 261 texts all answers are the same" in result.stdout
    assert "1.5e-06" in result.stdout
    assert 'polyhead predict runs/news "…"' in result.stdout
    assert calls == [(Path("runs/news"), {"int8": False, "openvino": False, "data": (), "allow_loss": False})]


def test_options_reach_the_export(calls: Calls) -> None:
    result = CliRunner().invoke(application, ["export", "m", "--int8", "--data", "a.jsonl", "--allow-loss"])
    assert result.exit_code == 0, result.output
    assert calls[0][1] == {"int8": True, "openvino": False, "data": (Path("a.jsonl"),), "allow_loss": True}
    assert "topic: 90.00 → 89.60" in result.stdout
    assert "130 dev rows, with 1 layers in float32" in result.stdout


def test_what_was_measured_for_openvino_is_told_by_the_word_for_its_engine(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polyhead.cli.extras.find_spec", lambda _: object())
    result = CliRunner().invoke(application, ["export", "m", "--int8", "--openvino"])
    assert result.exit_code == 0, result.output
    assert calls[0][1]["openvino"] is True
    assert "Parity with OpenVINO: on 261 texts" in result.stdout
    assert "openvino-int8: primary metrics on 130 dev rows" in result.stdout


@pytest.mark.parametrize(
    ("absent", "options", "extra"), [("openvino", [], "openvino"), ("nncf", ["--int8"], "openvino-int8")]
)
def test_what_openvino_needs_is_asked_for_before_anything_is_done(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, absent: str, options: list[str], extra: str
) -> None:
    monkeypatch.setattr("polyhead.cli.extras.find_spec", lambda name: None if name == absent else object())
    result = CliRunner().invoke(application, ["export", "m", "--openvino", *options])
    assert f"polyhead[{extra}]" in str(result.exception)
    assert not calls


@pytest.mark.usefixtures("calls")
def test_json_is_one_document_and_nothing_else() -> None:
    result = CliRunner().invoke(application, ["export", "m", "--int8", "--json"])
    document = json.loads(result.stdout)
    assert document["files"] == {"onnx/model.onnx": 12_300_000}
    assert document["exports"]["onnx"]["parity"]["texts"] == 261
    assert document["exports"]["onnx-int8"]["primary"]["topic"] == {"before": 0.9, "after": 0.896}


def test_int8_that_could_not_be_measured_says_so() -> None:
    unmeasured = Measured(rows=0, before={}, after={})
    lines = told(Exported(files={}, way="built", parity=PARITY, int8={"onnx-int8": unmeasured}))
    assert "onnx-int8: not measured" in lines[-1]
