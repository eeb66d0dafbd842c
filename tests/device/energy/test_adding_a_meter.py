"""Adding an energy meter takes one file, and one line in `SOURCES`: a toy passes the checks and is measured with."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import compsel.device.energy
from compsel.cli.main import main
from compsel.device.energy.base import Meter, MeterAvailability, MeterSource
from tests.device.energy.meter_checks import CHECKS

# --- the file -------------------------------------------------------------------------------------------------------


class SolarMeter(Meter):
    """Ten millijoules more at each reading."""

    name, covers = "solar", "a made-up panel"

    def __init__(self) -> None:
        self._readings = itertools.count(step=10)

    def energy_mj(self) -> float:
        return float(next(self._readings))


SOURCE = MeterSource("solar", lambda _: [MeterAvailability("solar", True, "a made-up panel")], lambda *_: SolarMeter())


# --- the line -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compsel.device.energy, "SOURCES", (*compsel.device.energy.SOURCES, SOURCE))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_shared_checks(check: Callable[[str, Path], None], tmp_path: Path) -> None:
    check("solar", tmp_path)


def test_devices_lists_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json", str(tmp_path / "devices.json")]) == 0
    found = json.loads((tmp_path / "devices.json").read_text())["meters"]
    assert {"name": "solar", "available": True, "reason": "a made-up panel"} in found
    assert "a made-up panel" in capsys.readouterr().out


@pytest.mark.slow
def test_profile_measures_with_it(small_model: Any, crops: Any, tmp_path: Path) -> None:
    import cv2

    (tmp_path / "images").mkdir()
    for index, sample in enumerate(crops.spread(4)):
        assert cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), sample.value[:, :, ::-1])
    options = [
        *[
            "--technique",
            "none",
            "--processor",
            "cpu:1",
            "--state",
            "idle",
            "--calibration",
            "2",
            "--budget",
            "0.3",
            "--meter",
            "solar",
        ]
    ]
    places = ["--samples", tmp_path / "images", "--out", tmp_path / "profile", "--json", tmp_path / "profile.json"]
    model = small_model.save(tmp_path / "small.onnx")
    assert main(["profile", str(model), *map(str, places), *options]) == 0
    content = json.loads((tmp_path / "profile.json").read_text())
    assert content["energy"] == {"meter": "solar", "estimated": False}
    (variant,) = content["variants"]
    assert variant["energy_mj"].keys() == {"cpu:1, idle"}
