"""The energy of one inference: many in a row, because meters renew their readings slowly, minus what idling takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from compsel.device.energy.base import Meter
from compsel.errors import EnergyError

__all__ = ["Energy", "idle_power_mw", "measure_energy"]

# a reading that is renewed every interval is off by up to one at either end
_INTERVALS = 40


@dataclass(frozen=True, slots=True)
class Energy:
    """What one inference took.

    Attributes:
        energy_mj: above idle; 0 where the meter cannot tell the runs from idling.
        gross_mj: with what idling takes in the same time.
        runs: how many inferences were measured together.
        seconds: how long that took.
        meter: its name.
        estimated: whether a model stood in for a meter.

    >>> Energy(10.0, 12.0, 100, 1.0, "rapl", False).gross_mj
    12.0
    """

    energy_mj: float
    gross_mj: float
    runs: int
    seconds: float
    meter: str
    estimated: bool


def least_seconds(meter: Meter, least_s: float) -> float:
    """Return how long a measurement has to be so that the meter's interval does not blur it."""
    return max(least_s, _INTERVALS * meter.interval_s)


def idle_power_mw(meter: Meter, seconds: float = 1.0) -> float:
    """Return the mean power (mW) while this process sleeps: what others take in the present state is in it.

    Args:
        meter: open.
        seconds: at least so long; longer where the meter is slow.
    """
    before, begin = meter.energy_mj(), time.perf_counter()
    time.sleep(least_seconds(meter, seconds))
    after, end = meter.energy_mj(), time.perf_counter()
    return (after - before) / (end - begin)


def measure_energy(run: Callable[[], object], meter: Meter, idle_mw: float, least_s: float = 1.0) -> Energy:
    """Run again and again for at least `least_s` and as long as the meter needs; return the energy of one run.

    Args:
        run: one inference.
        meter: open.
        idle_mw: what `idle_power_mw` said in the same state of the device.
        least_s: seconds.

    Raises:
        EnergyError: the meter cannot be read any more.

    >>> from compsel.device.energy.estimate import EstimateMeter
    >>> clock = iter([0.0, 0.0, 2.0])  # opened, before, after: 2 s of processor time
    >>> measured = measure_energy(lambda: time.sleep(0.001), EstimateMeter(5.0, lambda: next(clock)), 0.0, 0.05)
    >>> round(measured.energy_mj * measured.runs), measured.estimated
    (10000, True)
    """
    wanted_s = least_seconds(meter, least_s)
    runs = 0
    before, begin = meter.energy_mj(), time.perf_counter()
    while time.perf_counter() - begin < wanted_s:
        run()
        runs += 1
    after, end = meter.energy_mj(), time.perf_counter()
    if after < before:
        raise EnergyError(f"{meter.name}: went backwards, from {before:.1f} to {after:.1f} mJ")
    seconds, gross = end - begin, after - before
    net = max(0.0, gross - idle_mw * seconds)
    return Energy(net / runs, gross / runs, runs, seconds, meter.name, meter.estimated)
