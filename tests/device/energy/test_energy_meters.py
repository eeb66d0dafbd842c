"""Meters on recorded machines: what they read, what they leave out, what they refuse, and how counters start again."""

import math
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.device.energy import apple, find_meters, open_meter
from compsel.device.energy.base import Meter, MeterAvailability, PowerMeter, SummedMeter
from compsel.device.energy.estimate import EstimateMeter
from compsel.device.energy.nvidia import find_nvidia, open_nvidia
from compsel.device.energy.powercap import PowercapMeter
from compsel.device.nvml import gpus
from compsel.errors import EnergyError
from tests.device.energy.fake_nvml import FakeNvml
from tests.device.energy.recorded_meters import AGX_ORIN, DESKTOP, LAPTOP, NANO, ORIN, SERVER
from tests.device.recorded_device import write

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock


def found(sys_folder: Path) -> dict[str, MeterAvailability]:
    return {meter.name: meter for meter in find_meters(sys_folder) if not meter.name.startswith("nvml")}


def test_machine_without_a_meter_says_why_for_each(tmp_path: Path) -> None:
    assert not any(meter.available for meter in found(tmp_path).values())
    assert all(meter.reason for meter in find_meters(tmp_path))
    with pytest.raises(EnergyError, match=r"no energy meter can be read here \(rapl: .*battery: .*estimate:W"):
        open_meter(None, tmp_path)


def test_packages_and_memory_count_once(tmp_path: Path) -> None:
    write(tmp_path, DESKTOP)
    assert found(tmp_path)["rapl"] == MeterAvailability("rapl", True, "1 processor package and memory")
    meter = open_meter("rapl", tmp_path)
    write(
        tmp_path,
        {
            "class/powercap/intel-rapl:0/energy_uj": "262143200000\n",
            "class/powercap/intel-rapl:0:0/energy_uj": "999999999\n",
            "class/powercap/intel-rapl:0:1/energy_uj": "1050000\n",
            "class/powercap/intel-rapl:1/energy_uj": "999999999\n",
            "class/powercap/intel-rapl-mmio:0/energy_uj": "999999999\n",
        },
    )
    assert meter.energy_mj() == pytest.approx(200 + 50), "neither cores, nor psys, nor the same package again"


def test_counter_that_starts_again(tmp_path: Path) -> None:
    write(tmp_path, DESKTOP)
    meter = open_meter("rapl", tmp_path)
    write(tmp_path, {"class/powercap/intel-rapl:0/energy_uj": "1000000\n"})
    assert meter.energy_mj() == pytest.approx((262143328851 - 262143000000 + 1000000) / 1000)


@given(st.integers(2, 1000), st.lists(st.integers(0, 999), min_size=1, max_size=8))
def test_any_steps_below_the_range_add_up(size: int, steps: list[int]) -> None:
    import tempfile

    steps = [step % size for step in steps]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        zone = "class/powercap/intel-rapl:0"
        write(
            root, {f"{zone}/name": "package-0", f"{zone}/energy_uj": "1", f"{zone}/max_energy_range_uj": str(size - 1)}
        )
        meter, total = PowercapMeter(root), 0
        for step in steps:
            total += step
            write(root, {f"{zone}/energy_uj": str((1 + total) % size)})
            assert meter.energy_mj() == pytest.approx(total / 1000)


def test_counters_that_only_root_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, DESKTOP)
    real = Path.read_bytes

    def read(path: Path) -> bytes:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    seen = found(tmp_path)["rapl"]
    assert not seen.available
    assert "Permission denied" in seen.reason and "chmod a+r" in seen.reason
    with pytest.raises(EnergyError, match="chmod"):
        open_meter("rapl", tmp_path)


@pytest.mark.parametrize(
    ("tree", "name", "covers", "power_mw"),
    [
        (DESKTOP, "amdgpu", "PPT", 21_000),
        (ORIN, "ina3221", "VDD_IN", 6000),
        (AGX_ORIN, "ina3221", "VDD_GPU_SOC, VDD_CPU_CV, VDDQ_VDD2_1V8AO", 2000 + 1000 + 500),
        (NANO, "ina3221x", "POM_5V_IN", 2500),
        (LAPTOP, "battery", "the whole device", 9500),
    ],
)
def test_power_is_added_up_over_time(
    tmp_path: Path, tree: dict[str, str], name: str, covers: str, power_mw: float
) -> None:
    write(tmp_path, tree)
    assert found(tmp_path)[name].available
    begin = time.perf_counter()
    with open_meter(name, tmp_path) as meter:
        assert meter.covers == covers
        opened = time.perf_counter()
        time.sleep(0.05)
        energy, end = meter.energy_mj(), time.perf_counter()
    assert power_mw * (end - opened) * 0.5 < energy <= power_mw * (end - begin) * 1.001
    assert not meter.estimated


@pytest.mark.parametrize(
    ("tree", "name", "changes", "energy_mj"),
    [
        (DESKTOP, "xe", {"class/hwmon/hwmon2/energy1_input": "5250000\n"}, 250),
        (
            SERVER,
            "amd_energy",
            {"class/hwmon/hwmon0/energy1_input": "9000000\n", "class/hwmon/hwmon0/energy3_input": "9500000\n"},
            500,
        ),
    ],
)
def test_counters_of_energy(
    tmp_path: Path, tree: dict[str, str], name: str, changes: dict[str, str], energy_mj: float
) -> None:
    write(tmp_path, tree)
    meter = open_meter(name, tmp_path)
    assert meter.energy_mj() == 0
    write(tmp_path, changes)
    assert meter.energy_mj() == pytest.approx(energy_mj)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"class/power_supply/BAT0/status": "Charging\n"}, "being charged"),
        ({"class/power_supply/BAT0/status": "Full\n"}, "runs on its cable"),
        ({"class/power_supply/BAT0/power_now": "\n"}, "does not say how fast"),
        ({"class/power_supply/BAT0/type": "UPS\n"}, "there is no battery"),
    ],
)
def test_battery_that_tells_nothing(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    write(tmp_path, {**LAPTOP, **changes})
    assert reason in found(tmp_path)["battery"].reason
    with pytest.raises(EnergyError, match=reason):
        open_meter("battery", tmp_path)


def test_battery_that_says_current_and_voltage(tmp_path: Path) -> None:
    changes = {
        "class/power_supply/BAT0/power_now": "\n",
        "class/power_supply/BAT0/current_now": "-800000\n",
        "class/power_supply/BAT0/voltage_now": "12500000\n",
    }
    write(tmp_path, {**LAPTOP, **changes})
    assert "10.0 W now" in found(tmp_path)["battery"].reason


def test_power_meter_adds_up_by_the_trapezoid_rule_and_ends_clearly() -> None:
    powers = [1000.0]

    def power() -> float:
        if not powers:
            raise EnergyError("lamp: gone")
        return powers[0]

    opening = time.perf_counter()
    with PowerMeter("lamp", "a lamp", 60.0, power) as meter:
        opened = time.perf_counter()
        time.sleep(0.03)
        powers[0] = 3000.0
        asking = time.perf_counter()
        energy = meter.energy_mj()
        # the power was read some time between opening and opened, and between asking and now
        assert 2000 * (asking - opened) <= energy <= 2000 * (time.perf_counter() - opening)
        assert meter.energy_mj() >= energy
        powers.clear()
        with pytest.raises(EnergyError, match="gone"):
            meter.energy_mj()


def test_default_meter_is_never_an_estimate_and_adds_parts(tmp_path: Path) -> None:
    write(tmp_path, ORIN)
    with open_meter(None, tmp_path) as meter:
        assert (meter.name, meter.estimated) == ("ina3221", False)
    write(tmp_path, DESKTOP)
    with open_meter("rapl+xe", tmp_path) as meter:
        assert isinstance(meter, SummedMeter)
        assert meter.name == "rapl+xe"
        write(tmp_path, {"class/hwmon/hwmon2/energy1_input": "5001000\n"})
        write(tmp_path, {"class/powercap/intel-rapl:0:1/energy_uj": "1002000\n"})
        assert meter.energy_mj() == pytest.approx(1 + 2)
    with open_meter("rapl+estimate:5", tmp_path) as meter:
        assert meter.estimated, "one part that is a guess makes the sum one"


def test_estimate_is_processor_time_times_watts() -> None:
    seconds = iter([10.0, 12.5])
    meter = EstimateMeter(4.0, lambda: next(seconds))
    assert meter.energy_mj() == 2.5 * 4.0 * 1000
    assert meter.estimated and "estimate" in meter.name and "estimate" in meter.covers


@pytest.mark.parametrize("name", ["", "sundial", "estimate", "estimate:", "estimate:much", "estimate:0", "estimate:-3"])
def test_names_that_are_no_meters(tmp_path: Path, name: str) -> None:
    with pytest.raises(EnergyError):
        open_meter(name, tmp_path)


@pytest.mark.parametrize("watts", [0.0, -1.0, math.nan, math.inf])
def test_estimate_needs_a_power(watts: float) -> None:
    with pytest.raises(EnergyError, match="allowed is a power above 0"):
        EstimateMeter(watts)


def test_gpu_counts_its_energy() -> None:
    library = FakeNvml()
    assert find_nvidia(library) == [MeterAvailability("nvml:0", True, "A GPU")]
    meter = open_nvidia("nvml:0", library)
    library.energy_mj += 250
    assert (meter.energy_mj(), meter.covers) == (250, "A GPU")


def test_gpu_that_shows_power_only() -> None:
    library = FakeNvml(counts_energy=False)
    assert find_nvidia(library)[0].available
    opening = time.perf_counter()
    with open_nvidia("nvml:0", library) as meter:
        time.sleep(0.02)
        assert 0 < meter.energy_mj() <= 30_000 * (time.perf_counter() - opening)


def test_gpus_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_nvidia(FakeNvml(count=0)) == [MeterAvailability("nvml", False, "the driver sees no GPU")]
    with pytest.raises(EnergyError, match="no such GPU"):
        open_nvidia("nvml:7", FakeNvml())


def test_gpu_says_its_state() -> None:
    (gpu,) = gpus(FakeNvml())
    assert (gpu.use(), gpu.free_memory_bytes()) == (0.4, 5)


def test_apple_processor_is_read_through_zeus(monkeypatch: pytest.MonkeyPatch) -> None:
    said = SimpleNamespace(cpu_total_mj=100, gpu_mj=20, ane_mj=None, dram_mj=3, gpu_sram_mj=999)
    module = ModuleType("zeus.device.soc")
    module.get_soc = lambda: SimpleNamespace(get_total_energy_consumption=lambda: said)  # a made-up module
    monkeypatch.setitem(sys.modules, "zeus.device.soc", module)
    monkeypatch.setattr(apple.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(apple.platform, "machine", lambda: "arm64")
    assert apple.find_apple().available
    meter: Meter = apple.AppleMeter()
    said.cpu_total_mj, said.ane_mj = 160, 5
    assert meter.energy_mj() == 65


def test_apple_without_zeus_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeus.device.soc", None)
    monkeypatch.setattr(apple.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(apple.platform, "machine", lambda: "arm64")
    seen = apple.find_apple()
    assert not seen.available
    assert "powermetrics runs for root only" in seen.reason and "pip install" in seen.reason
