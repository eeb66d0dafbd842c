"""A model in place of a meter, asked for by name: so many watts for each core that this process keeps busy.

It knows nothing of frequency, voltage, memory or accelerators: it ranks choices by processor time, not by energy. Every
output that comes from it is called an estimate.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

from compsel.device.energy.base import Meter, MeterSource
from compsel.errors import EnergyError

__all__ = ["SOURCE", "EstimateMeter"]


class EstimateMeter(Meter):
    """Estimates energy from the processor time of this process.

    Args:
        watts_per_core: power of one busy core above idle, from a data sheet or a wall meter.
        processor_s: gives the processor time of this process.

    Raises:
        EnergyError: a power that is not above 0.

    >>> meter = EstimateMeter(3.5)
    >>> meter.name, meter.estimated
    ('estimate:3.5', True)
    """

    estimated = True
    interval_s = 0.001

    def __init__(self, watts_per_core: float, processor_s: Callable[[], float] = time.process_time) -> None:
        if not 0 < watts_per_core < math.inf:
            raise EnergyError(f"estimate: got {watts_per_core} W for a busy core, allowed is a power above 0")
        self.name = f"estimate:{watts_per_core:g}"
        self.covers = f"an estimate: {watts_per_core:g} W for each core that this process keeps busy"
        self._watts = watts_per_core
        self._processor_s = processor_s
        self._start_s = processor_s()

    def energy_mj(self) -> float:
        """Return the estimated energy (mJ) since the meter was opened."""
        return (self._processor_s() - self._start_s) * self._watts * 1000


def _open(name: str, _: Path) -> EstimateMeter:
    try:
        watts = float(name.partition(":")[2])
    except ValueError:
        raise EnergyError(f"{name}: allowed is estimate:W, with the watts of a busy core") from None
    return EstimateMeter(watts)


# never found: a model of the energy is taken only where it is asked for by name
SOURCE = MeterSource("estimate", lambda _: [], _open, numbered=True)
