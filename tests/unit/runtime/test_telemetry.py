import subprocess
import sys
from types import ModuleType

import pytest

from polyhead.runtime.telemetry import TELEMETRY, no_telemetry


@pytest.mark.parametrize("installed", [True, False])
def test_the_package_cannot_be_imported_meanwhile_and_is_as_before_afterwards(
    monkeypatch: pytest.MonkeyPatch, *, installed: bool
) -> None:
    monkeypatch.delitem(sys.modules, TELEMETRY, raising=False)
    package = ModuleType(TELEMETRY)
    if installed:
        monkeypatch.setitem(sys.modules, TELEMETRY, package)
    with pytest.raises(ImportError), no_telemetry():
        __import__(TELEMETRY)
    assert sys.modules.get(TELEMETRY) is (package if installed else None)
    assert (TELEMETRY in sys.modules) == installed


@pytest.mark.parametrize(("package", "module"), [("openvino", "runtime.openvino"), ("nncf", "export.nncf")])
def test_what_we_import_of_openvino_has_nothing_to_send_events_with(package: str, module: str) -> None:
    pytest.importorskip("openvino_telemetry", reason="comes with an extra")
    pytest.importorskip(package, reason="an extra")
    program = (
        f"import sys, polyhead.{module}, openvino.tools.ovc.telemetry_utils as utils\n"
        f"print({TELEMETRY!r} in sys.modules, utils.tm.__name__)\n"
        "if 'nncf' in sys.modules:\n"
        "    from nncf.telemetry.wrapper import telemetry\n"
        "    assert type(telemetry).__name__ == 'MagicMock'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False openvino.tools.ovc.telemetry_stub\n"
