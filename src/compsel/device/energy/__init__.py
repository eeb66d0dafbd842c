"""Energy meters: what this machine has, behind one interface.

Adding a meter: a file with a `MeterSource`, and a line in `SOURCES`.

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compsel.device.energy import apple, battery, estimate, hwmon, nvidia, powercap
from compsel.device.energy.base import Meter, MeterAvailability, MeterSource, SummedMeter
from compsel.device.energy.inference_energy import Energy, idle_power_mw, measure_energy
from compsel.errors import EnergyError

__all__ = [
    "SOURCES",
    "Energy",
    "Meter",
    "MeterAvailability",
    "find_meters",
    "idle_power_mw",
    "measure_energy",
    "meter_or_none",
    "open_meter",
]

# in the order in which `compsel devices` lists them, and in which one is taken when none is asked for by name
SOURCES: tuple[MeterSource, ...] = (
    powercap.SOURCE,
    nvidia.SOURCE,
    hwmon.SOURCE,
    apple.SOURCE,
    battery.SOURCE,
    estimate.SOURCE,
)


def find_meters(sys: str | os.PathLike[str] = "/sys") -> list[MeterAvailability]:
    """Look for every meter; return what was found and why the others cannot be read.

    Args:
        sys: where Linux's tree of devices is mounted.

    >>> all(meter.reason for meter in find_meters())
    True
    """
    return [meter for source in SOURCES for meter in source.find(Path(sys))]


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
        name = _default_name(Path(sys))
    if not name:
        raise EnergyError("got an empty name of a meter: `compsel devices` lists what was found")
    parts = name.split("+")
    if len(parts) == 1:
        return _open(name, Path(sys))
    opened: list[Meter] = []
    try:
        opened.extend(_open(part, Path(sys)) for part in dict.fromkeys(parts))
    except EnergyError:
        for meter in opened:
            meter.close()
        raise
    return SummedMeter(opened)


@contextmanager
def meter_or_none(name: str | None) -> Iterator[Meter | None]:
    """Open the meter that was asked for, or what there is; None where none was asked for and there is none.

    Raises:
        EnergyError: the meter that was asked for is not here.
    """
    try:
        meter = open_meter(name)
    except EnergyError:
        if name is not None:
            raise
        yield None
        return
    with meter:
        yield meter


def _default_name(sys: Path) -> str:
    found = find_meters(sys)
    here = [meter.name for meter in found if meter.available]
    names = [name for name in here if _source_of(name).part_of_device] or here[:1]
    if not names:
        reasons = "; ".join(f"{meter.name}: {meter.reason}" for meter in found)
        raise EnergyError(
            f"no energy meter can be read here ({reasons}); where a rough figure will do, ask for estimate:W, with the "
            "watts of a busy core"
        )
    return "+".join(names)


def _open(name: str, sys: Path) -> Meter:
    return _source_of(name).open(name, sys)


def _source_of(name: str) -> MeterSource:
    by_word = {source.word: source for source in SOURCES}
    word, colon, _ = name.partition(":")
    source = by_word.get(word)
    return source if source is not None and (source.numbered or not colon) else by_word[""]
