"""What changes slowly on Linux: clock, temperature, cooling, battery; all from `/sys`."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from compsel.device.pseudo_files import paths_like, read_number, read_text
from compsel.device.readers.base import Gauges

__all__ = ["LinuxGauges"]

_KILOHERTZ_MHZ, _MILLIDEGREE_C = 1e-3, 1e-3
_PLAUSIBLE_C = (-40.0, 150.0)
_OF_PROCESSOR = ("cpu", "x86_pkg", "coretemp", "k10temp", "zenpower", "soc", "processor")
_SUPPLIES_ON_A_CABLE = ("Mains", "USB")


class LinuxGauges:
    """Reads the gauges in `/sys`; the files are looked for once. What is not there is NaN or None.

    Args:
        sys: where the tree is mounted.
        cores: the numbers of the cores that matter.

    >>> LinuxGauges(Path("/no/such/folder"), [0]).read().on_battery is None
    True
    """

    def __init__(self, sys: Path, cores: Sequence[int]) -> None:
        folders = [sys / f"devices/system/cpu/cpu{core}" for core in cores]
        self._clocks = [
            (folder / "cpufreq/scaling_cur_freq", greatest)
            for folder in folders
            if (greatest := read_number(folder / "cpufreq/cpuinfo_max_freq"))
        ]
        self._temperatures = _temperature_files(sys)
        self._events = [
            path
            for folder in folders
            for path in (
                folder / "thermal_throttle/core_throttle_count",
                folder / "thermal_throttle/package_throttle_count",
            )
            if path.exists()
        ]
        self._cooling = [
            folder / "cur_state"
            for folder in paths_like(sys, "class/thermal/cooling_device*")
            if _is_of_processor(read_text(folder / "type"))
        ]
        self._supplies = paths_like(sys, "class/power_supply/*")

    def read(self) -> Gauges:
        """Read them all."""
        clocks = [(now, most) for path, most in self._clocks if (now := read_number(path)) is not None]
        events = _numbers(self._events)
        cooling = _numbers(self._cooling)
        charge, on_battery = self._battery()
        return Gauges(
            frequency_mhz=_mean(now * _KILOHERTZ_MHZ for now, _ in clocks),
            frequency_ratio=_mean(now / most for now, most in clocks),
            temperature_c=self._temperature_c(),
            battery_percent=charge,
            on_battery=on_battery,
            throttle_events=sum(events) if events else None,
            cooling_active=any(cooling) if cooling else None,
        )

    def _temperature_c(self) -> float:
        values = [value * _MILLIDEGREE_C for value in _numbers(self._temperatures)]
        return max((value for value in values if _PLAUSIBLE_C[0] < value < _PLAUSIBLE_C[1]), default=math.nan)

    def _battery(self) -> tuple[float, bool | None]:
        """Return the charge in percent, and whether the machine runs on it."""
        charge, discharging, on_cable = math.nan, None, None
        for folder in self._supplies:
            kind = read_text(folder / "type")
            # the batteries of mice and pens have this scope
            if kind == "Battery" and read_text(folder / "scope") != "Device":
                percent = read_number(folder / "capacity")
                charge = charge if percent is None else float(percent)
                discharging = bool(discharging) or read_text(folder / "status") == "Discharging"
            elif kind in _SUPPLIES_ON_A_CABLE:
                on_cable = bool(on_cable) or read_number(folder / "online") == 1
        if discharging is None:
            return charge, None if on_cable is None else False
        return charge, discharging and not on_cable


def _temperature_files(sys: Path) -> list[Path]:
    """Return the thermometers of the processor; where none is named so, all of them."""
    named = [(folder / "temp", read_text(folder / "type")) for folder in paths_like(sys, "class/thermal/thermal_zone*")]
    for folder in paths_like(sys, "class/hwmon/hwmon*"):
        named += [(path, read_text(folder / "name")) for path in paths_like(folder, "temp*_input")]
    return [path for path, name in named if _is_of_processor(name)] or [path for path, _ in named]


def _is_of_processor(name: str) -> bool:
    return any(word in name.lower() for word in _OF_PROCESSOR)


def _numbers(paths: Iterable[Path]) -> list[int]:
    return [number for path in paths if (number := read_number(path)) is not None]


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers) if numbers else math.nan
