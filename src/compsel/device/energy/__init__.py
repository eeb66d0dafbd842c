"""Energy meters: what this machine has, behind one interface.

    rapl       processor packages and memory (Intel, AMD), through Linux's powercap
    nvml:0     an NVIDIA GPU, through its driver
    ina3221 ... sensors of the board by their name in hwmon: Jetson's rails, amdgpu, i915, xe, amd_energy
    apple      an Apple processor, through zeus
    battery    the whole device, while it runs on its battery
    estimate:W no meter: W watts for each core that this process keeps busy; taken only when asked for by name

Names joined by "+" are meters of different parts, added up.

>>> open_meter("estimate:4").estimated
True
>>> open_meter("sundial")
Traceback (most recent call last):
compsel.errors.EnergyError: sundial: there is no such sensor here: `compsel devices` lists what was found
"""

import os

from compsel.device.energy.apple import AppleMeter, find_apple
from compsel.device.energy.base import Found, Meter, SummedMeter
from compsel.device.energy.battery import BatteryMeter, find_battery
from compsel.device.energy.estimate import EstimateMeter
from compsel.device.energy.hwmon import find_hwmon, open_hwmon
from compsel.device.energy.measurement import Energy, idle_power_mw, measure_energy
from compsel.device.energy.nvidia import find_nvidia, open_nvidia
from compsel.device.energy.powercap import PowercapMeter, find_powercap
from compsel.errors import EnergyError

__all__ = ["Energy", "Found", "Meter", "idle_power_mw", "measure_energy", "meters", "open_meter"]

_ESTIMATE = "estimate"


def meters(sys: str | os.PathLike[str] = "/sys") -> list[Found]:
    """Look for every meter; return what was found and why the others cannot be read.

    Args:
        sys: where Linux's tree of devices is mounted.

    >>> all(found.reason for found in meters())
    True
    """
    return [find_powercap(sys), *find_nvidia(), *find_hwmon(sys), find_apple(), find_battery(sys)]


def open_meter(name: str | None = None, sys: str | os.PathLike[str] = "/sys") -> Meter:
    """Open a meter.

    Args:
        name: which, see above; None: the processor's and every NVIDIA GPU's together; without them a sensor of the
            board, an Apple processor, or the battery. Never an estimate.
        sys: where Linux's tree of devices is mounted.

    Raises:
        EnergyError: no such meter here, or none at all.
    """
    if name is None:
        return _default(sys)
    if not name:
        raise EnergyError("got an empty name of a meter: `compsel devices` lists what was found")
    parts = name.split("+")
    if len(parts) == 1:
        return _open(name, sys)
    opened: list[Meter] = []
    try:
        opened.extend(_open(part, sys) for part in dict.fromkeys(parts))
    except EnergyError:
        for meter in opened:
            meter.close()
        raise
    return SummedMeter(opened)


def _default(sys: str | os.PathLike[str]) -> Meter:
    found = meters(sys)
    here = [meter.name for meter in found if meter.available]
    names = [name for name in here if name == "rapl" or name.startswith("nvml:")] or here[:1]
    if not names:
        reasons = "; ".join(f"{meter.name}: {meter.reason}" for meter in found)
        raise EnergyError(
            f"no energy meter can be read here ({reasons}); where a rough figure will do, ask for estimate:W, with the "
            "watts of a busy core"
        )
    return open_meter("+".join(names), sys)


def _open(name: str, sys: str | os.PathLike[str]) -> Meter:
    word, _, rest = name.partition(":")
    if word == _ESTIMATE:
        try:
            return EstimateMeter(float(rest))
        except ValueError:
            raise EnergyError(f"{name}: allowed is estimate:W, with the watts of a busy core") from None
    if word == "nvml":
        return open_nvidia(name)
    if name == "rapl":
        return PowercapMeter(sys)
    if name == "apple":
        return AppleMeter()
    if name == "battery":
        return BatteryMeter(sys)
    try:
        return open_hwmon(name, sys)
    except EnergyError as error:
        raise EnergyError(f"{error}: `compsel devices` lists what was found") from error
