"""Energy of Apple's processors, through `zeus`: the system's own tool, powermetrics, runs for root only.

`zeus` (zeus.device.soc) adds up the processor's own counters: CPU, GPU, neural engine and memory.
"""

import importlib
import platform
from typing import Any

from compsel.device.energy.base import Meter, MeterAvailability, MeterSource
from compsel.errors import EnergyError

__all__ = ["SOURCE", "AppleMeter", "find_apple"]

_NAME = "apple"
_PARTS = ("cpu_total_mj", "gpu_mj", "ane_mj", "dram_mj")


def find_apple() -> MeterAvailability:
    """Look for an Apple processor, and for `zeus`, which reads its counters."""
    if (platform.system(), platform.machine()) != ("Darwin", "arm64"):
        return MeterAvailability(_NAME, False, "this is no Mac with an Apple processor")
    try:
        _monitor()
    except EnergyError as error:
        return MeterAvailability(_NAME, False, str(error))
    return MeterAvailability(_NAME, True, "CPU, GPU, neural engine and memory")


class AppleMeter(Meter):
    """Energy of CPU, GPU, neural engine and memory.

    Args:
        monitor: an object of `zeus.device.soc`; None: that of this machine.

    Raises:
        EnergyError: this is no such Mac, or `zeus` is not installed.
    """

    name = _NAME
    covers = "CPU, GPU, neural engine and memory"
    interval_s = 0.05

    def __init__(self, monitor: Any = None) -> None:
        if monitor is None and not (found := find_apple()).available:
            raise EnergyError(f"{self.name}: {found.reason}")
        self._monitor = monitor or _monitor()
        self._start_mj = self._read()

    def energy_mj(self) -> float:
        """Return the energy (mJ) used since the meter was opened."""
        return self._read() - self._start_mj

    def _read(self) -> float:
        counters = self._monitor.get_total_energy_consumption()
        return float(sum(getattr(counters, part, None) or 0 for part in _PARTS))


def _monitor() -> Any:
    try:
        return importlib.import_module("zeus.device.soc").get_soc()
    except ImportError as error:
        raise EnergyError(
            "powermetrics runs for root only, and zeus is not installed: pip install 'compsel[energy]'"
        ) from error
    except Exception as error:
        raise EnergyError(f"zeus cannot read the counters: {error}") from error


SOURCE = MeterSource(_NAME, lambda _: [find_apple()], lambda *_: AppleMeter())
