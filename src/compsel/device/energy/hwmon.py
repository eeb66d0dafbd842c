"""Sensors of power and energy on a board, through Linux's hwmon tree: Jetson's INA3221, graphics cards, AMD's counters.

Kernel documentation: hwmon/sysfs-interface (units: microwatts, microjoules, millivolts, milliamperes), hwmon/ina3221,
and the pages of the drivers amdgpu, i915 and xe. Older Jetsons show the same sensor as an IIO device in milliwatts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compsel.device.energy.base import Meter, MeterAvailability, MeterSource, PowerMeter
from compsel.device.pseudo_files import read_text
from compsel.errors import EnergyError

__all__ = ["SOURCE"]

_UW_MW, _UJ_MJ = 1e-3, 1e-3
# rails that everything else on the board hangs on
_WHOLE_BOARD = ("VDD_IN", "POM_5V_IN")
_NOT_CONNECTED = "NC"
_INTERVAL_S = 0.02
_MOST_CHANNELS = 16


@dataclass(frozen=True)
class _Rail:
    """One reading: power in milliwatts (counter false) or energy in millijoules (true)."""

    label: str
    paths: tuple[Path, ...]
    factor: float
    counter: bool = False

    def read(self) -> float:
        value = self.factor
        for path in self.paths:
            try:
                value *= int(path.read_bytes())
            except (OSError, ValueError) as error:
                raise EnergyError(f"{path} cannot be read ({error})") from error
        return value


def _find(sys: Path) -> list[MeterAvailability]:
    found = []
    for name, rails in _sensors(sys).items():
        try:
            for rail in rails:
                rail.read()
            found.append(MeterAvailability(name, True, _covers(rails)))
        except EnergyError as error:
            found.append(MeterAvailability(name, False, str(error)))
    return found


def _open(name: str, sys: Path) -> Meter:
    rails = _sensors(sys).get(name)
    if not rails:
        raise EnergyError(f"{name}: there is no such sensor here: `compsel devices` lists what was found")
    if rails[0].counter:
        return _CounterMeter(name, rails)
    return PowerMeter(name, _covers(rails), _INTERVAL_S, lambda: sum(rail.read() for rail in rails))


class _CounterMeter(Meter):
    """Sums counters of 64 bits, which outlive the machine."""

    def __init__(self, name: str, rails: list[_Rail]) -> None:
        self.name, self.covers = name, _covers(rails)
        self._rails = rails
        self._start_mj = self._read()

    def energy_mj(self) -> float:
        return self._read() - self._start_mj

    def _read(self) -> float:
        return sum(rail.read() for rail in self._rails)


def _covers(rails: list[_Rail]) -> str:
    return ", ".join(rail.label for rail in rails)


def _sensors(sys: Path) -> dict[str, list[_Rail]]:
    """Return the rails of each sensor by its name; of those with the same name, the second gets "-2", and so on."""
    sensors: dict[str, list[_Rail]] = {}
    for folder in sorted((sys / "class/hwmon").glob("hwmon*")):
        rails = list(_rails(folder))
        if rails:
            _add(sensors, read_text(folder / "name") or folder.name, _without_overlap(rails))
    for folder in sorted((sys / "bus/iio/devices").glob("iio:device*")):
        rails = list(_iio_rails(folder))
        if rails:
            _add(sensors, read_text(folder / "name") or folder.name, _without_overlap(rails))
    return sensors


def _add(sensors: dict[str, list[_Rail]], name: str, rails: list[_Rail]) -> None:
    # Jetsons carry two sensors of one kind: together they are the board's rails
    if name in sensors and name.startswith("ina") and not rails[0].counter:
        sensors[name] = _without_overlap(sensors[name] + rails)
        return
    number = 2
    unique = name
    while unique in sensors:
        unique, number = f"{name}-{number}", number + 1
    sensors[unique] = rails


def _rails(folder: Path) -> Iterator[_Rail]:
    name = read_text(folder / "name")
    for channel in range(1, _MOST_CHANNELS + 1):
        energy = folder / f"energy{channel}_input"
        if energy.exists():
            yield _Rail(read_text(folder / f"energy{channel}_label") or name, (energy,), _UJ_MJ, counter=True)
    for channel in range(1, _MOST_CHANNELS + 1):
        power = next((p for kind in ("input", "average") if (p := folder / f"power{channel}_{kind}").exists()), None)
        if power is not None:
            yield _Rail(read_text(folder / f"power{channel}_label") or name, (power,), _UW_MW)
            continue
        label = read_text(folder / f"in{channel}_label")
        pair = (folder / f"in{channel}_input", folder / f"curr{channel}_input")
        # the INA3221 has a further voltage, the sum of its shunts, without a current
        if label != _NOT_CONNECTED and name.startswith("ina") and all(path.exists() for path in pair):
            yield _Rail(label or f"{name} {channel}", pair, _UW_MW)


def _iio_rails(folder: Path) -> Iterator[_Rail]:
    for channel in range(_MOST_CHANNELS):
        power = folder / f"in_power{channel}_input"
        if power.exists():
            yield _Rail(read_text(folder / f"rail_name_{channel}") or folder.name, (power,), 1.0)


def _without_overlap(rails: list[_Rail]) -> list[_Rail]:
    """Return the rails that do not overlap: counters before powers, the whole board before its parts."""
    counters = [rail for rail in rails if rail.counter]
    if counters:
        # AMD's driver shows each socket and each of its cores
        sockets = [rail for rail in counters if rail.label.lower().startswith("esocket")]
        # a graphics card shows itself whole (card or pkg) before its tiles
        return sockets or counters[:1]
    return [rail for rail in rails if rail.label in _WHOLE_BOARD][:1] or rails


SOURCE = MeterSource("", _find, _open)
