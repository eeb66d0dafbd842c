"""The shared checks of energy meters, on recorded machines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device.energy.meter_checks import CHECKS
from tests.device.energy.recorded_meters import AGX_ORIN, DESKTOP, LAPTOP, NANO, ORIN, SERVER
from tests.device.recorded_device import write


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    ("tree", "name"),
    [
        (DESKTOP, "rapl"),
        (DESKTOP, "amdgpu"),
        (DESKTOP, "xe"),
        (ORIN, "ina3221"),
        (AGX_ORIN, "ina3221"),
        (NANO, "ina3221x"),
        (SERVER, "amd_energy"),
        (LAPTOP, "battery"),
    ],
)
def test_meter(tmp_path: Path, tree: dict[str, str], name: str, check: Callable[[str, Path], None]) -> None:
    write(tmp_path, tree)
    check(name, tmp_path)
