"""What every energy meter obeys: it gives the energy that a part of the device has used since it was opened."""

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from compsel.errors import EnergyError

__all__ = ["Meter", "MeterAvailability", "MeterSource", "PowerMeter", "SummedMeter"]


@dataclass(frozen=True, slots=True)
class MeterAvailability:
    """Whether a meter can be read on this machine.

    Attributes:
        name: the word that `open_meter` takes, for example "rapl".
        available: whether it can be read here.
        reason: what it measures; why it cannot be read when it is not available.
    """

    name: str
    available: bool
    reason: str


class Meter(ABC):
    """Energy that a part of the device has used.

    Attributes:
        name: the word in tables and on the command line.
        covers: what the energy is of, in words.
        estimated: whether a model stands in for a meter; every output then says so.
        interval_s: how often the reading is renewed: what is shorter cannot be told apart.
    """

    name: str
    covers: str
    estimated: bool = False
    interval_s: float = 0.001

    @abstractmethod
    def energy_mj(self) -> float:
        """Return the energy (mJ) used since the meter was opened. It never falls.

        Raises:
            EnergyError: the meter can no longer be read.
        """

    def close(self) -> None:  # noqa: B027  most meters keep nothing open
        """Stop and free what is kept open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class MeterSource:
    """One way to read energy, and the meters that it has on this machine: a line in `compsel.device.energy.SOURCES`.

    Attributes:
        word: the name of its meter; "": names that no other source has.
        find: looks for its meters, available or not; takes the folder where Linux's tree of devices is mounted.
        open: opens the meter of a name; raises EnergyError. Takes the same folder.
        numbered: whether a colon and a number may follow the word in a name.
        part_of_device: whether all its meters are opened together when no meter is asked for by name: they measure
            different parts of the device.

    >>> source = MeterSource("none", lambda sys: [], lambda name, sys: PowerMeter(name, "nothing", 1.0, lambda: 0.0))
    >>> source.open("none", Path("/sys")).covers
    'nothing'
    """

    word: str
    find: Callable[[Path], list[MeterAvailability]]
    open: Callable[[str, Path], Meter]
    numbered: bool = False
    part_of_device: bool = False


class PowerMeter(Meter):
    """A meter that shows power: a thread reads it and adds it up, by the trapezoid rule.

    Args:
        name, covers, interval_s: see `Meter`; it is read so often.
        power_mw: gives the power (mW) now; raises EnergyError where it cannot be read.

    >>> with PowerMeter("lamp", "a lamp", 0.01, lambda: 1000.0) as meter:
    ...     time.sleep(0.05)
    ...     meter.energy_mj() >= 50  # a second of it would be 1000 mJ
    True
    """

    def __init__(self, name: str, covers: str, interval_s: float, power_mw: Callable[[], float]) -> None:
        self.name, self.covers, self.interval_s = name, covers, interval_s
        self._power_mw = power_mw
        self._lock = threading.Lock()
        self._sum_mj, self._last_mw, self._last_s = 0.0, power_mw(), time.perf_counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"compsel-meter-{name}", daemon=True)
        self._thread.start()

    def energy_mj(self) -> float:
        """Return the energy (mJ) used since the meter was opened, up to this moment."""
        with self._lock:
            power, now = self._power_mw(), time.perf_counter()
            self._sum_mj += (power + self._last_mw) / 2 * (now - self._last_s)
            self._last_mw, self._last_s = power, now
            return self._sum_mj

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self.interval_s):
            # who asks for the energy next is told the reason
            with contextlib.suppress(EnergyError):
                self.energy_mj()


class SummedMeter(Meter):
    """Several meters of different parts of the device, as one.

    Args:
        meters: of parts that do not overlap.
    """

    def __init__(self, meters: list[Meter]) -> None:
        self._meters = meters
        self.name = "+".join(meter.name for meter in meters)
        self.covers = ", ".join(meter.covers for meter in meters)
        self.estimated = any(meter.estimated for meter in meters)
        self.interval_s = max(meter.interval_s for meter in meters)

    def energy_mj(self) -> float:
        """Return the sum of the energies (mJ)."""
        return sum(meter.energy_mj() for meter in self._meters)

    def close(self) -> None:
        """Close all of them."""
        for meter in self._meters:
            meter.close()
