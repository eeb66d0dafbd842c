"""The energy of one inference: idle power subtracted, long enough for slow meters, and never below nothing."""

import time

import pytest

from compsel.device.energy import idle_power_mw, measure_energy
from compsel.device.energy.base import Meter
from compsel.device.energy.inference_energy import least_seconds
from compsel.errors import EnergyError

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock


class Simulated(Meter):
    """A device that idles at `idle_mw` and takes `run_mj` more for each run."""

    name, covers = "simulated", "a simulated device"

    def __init__(self, idle_mw: float, run_mj: float, interval_s: float = 0.0001) -> None:
        self.idle_mw, self.run_mj, self.interval_s = idle_mw, run_mj, interval_s
        self.runs = 0

    def run(self) -> None:
        self.runs += 1
        time.sleep(0.001)

    def energy_mj(self) -> float:
        return self.idle_mw * time.perf_counter() + self.run_mj * self.runs


def test_what_idling_takes_is_not_the_inferences() -> None:
    meter = Simulated(idle_mw=5000, run_mj=7)
    idle = idle_power_mw(meter, 0.02)
    assert idle == pytest.approx(5000, rel=0.05)
    measured = measure_energy(meter.run, meter, idle, 0.05)
    assert measured.energy_mj == pytest.approx(7, abs=1.5)
    assert measured.gross_mj == pytest.approx(7 + 5000 * measured.seconds / measured.runs, rel=0.05)
    assert (measured.runs, measured.meter, measured.estimated) == (meter.runs, "simulated", False)


def test_less_than_idling_is_nothing() -> None:
    meter = Simulated(idle_mw=10, run_mj=0)
    assert measure_energy(meter.run, meter, idle_mw=20, least_s=0.01).energy_mj == 0


def test_slow_meters_take_longer() -> None:
    assert least_seconds(Simulated(0, 0, interval_s=0.001), 1.0) == 1.0
    assert least_seconds(Simulated(0, 0, interval_s=0.1), 1.0) == 4.0
    slow = Simulated(0, 1, interval_s=0.002)
    assert measure_energy(slow.run, slow, 0.0, 0.0).seconds >= 0.08


def test_meter_that_goes_backwards_is_refused() -> None:
    meter = Simulated(idle_mw=-1000, run_mj=0)
    with pytest.raises(EnergyError, match="backwards"):
        measure_energy(meter.run, meter, 0.0, 0.01)
