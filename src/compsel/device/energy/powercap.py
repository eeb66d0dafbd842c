"""Intel's and AMD's running average power limit (RAPL): energy counters of processors, through Linux's powercap tree.

Kernel documentation: power/powercap/powercap. A zone has its counter in `energy_uj` (microjoules), which starts again
from 0 after `max_energy_range_uj`. Since Linux 5.10 only root may read it, because it leaks what others compute.
"""

from collections.abc import Iterator
from pathlib import Path

from compsel.device.energy.base import Meter, MeterAvailability, MeterSource
from compsel.device.pseudo_files import read_text
from compsel.errors import EnergyError

__all__ = ["SOURCE", "PowercapMeter"]

_UJ_MJ = 1e-3
_NAME = "rapl"


def _find(sys: Path) -> list[MeterAvailability]:
    zones = list(_zones(sys))
    return [_availability(zones)]


def _availability(zones: list[tuple[str, Path]]) -> MeterAvailability:
    if not zones:
        return MeterAvailability(_NAME, False, "the kernel shows no energy counters of the processor")
    try:
        for _, folder in zones:
            _read(folder / "energy_uj")
    except EnergyError as error:
        return MeterAvailability(
            _NAME, False, f"{error}: only root may, until root allows it: chmod a+r {zones[0][1]}/energy_uj"
        )
    return MeterAvailability(_NAME, True, _covers(zones))


class PowercapMeter(Meter):
    """Energy of the processor packages, and of the memory where it is counted apart.

    Args:
        sys: where the kernel's tree is mounted.

    Raises:
        EnergyError: no counter that may be read.

    >>> PowercapMeter(Path("/no/such/folder"))
    Traceback (most recent call last):
    compsel.errors.EnergyError: rapl: the kernel shows no energy counters of the processor
    """

    name = _NAME
    interval_s = 0.001

    def __init__(self, sys: Path) -> None:
        zones = list(_zones(sys))
        found = _availability(zones)
        if not found.available:
            raise EnergyError(f"{self.name}: {found.reason}")
        self.covers = found.reason
        self._zones = [_Zone(folder) for _, folder in zones]

    def energy_mj(self) -> float:
        """Return the energy (mJ) used since the meter was opened.

        A counter may start again once between two calls: it takes minutes to hours for that.
        """
        return sum(zone.used_uj() for zone in self._zones) * _UJ_MJ


class _Zone:
    """One counter, made to rise for ever."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "energy_uj"
        self._range_uj = _read(folder / "max_energy_range_uj")
        self._last_uj = _read(self._path)
        self._used_uj = 0

    def used_uj(self) -> int:
        now = _read(self._path)
        # the greatest value is one of its values, and 0 comes after it
        self._used_uj += now - self._last_uj + (self._range_uj + 1 if now < self._last_uj else 0)
        self._last_uj = now
        return self._used_uj


def _zones(sys: Path) -> Iterator[tuple[str, Path]]:
    """Give name and folder of packages, and of memory beside them; parts of a package would count twice.

    The same packages are there again as `intel-rapl-mmio`, and with all that hangs on them as `psys`.
    """
    for folder in sorted((sys / "class/powercap").glob("intel-rapl:*")):
        name = read_text(folder / "name")
        if name.startswith("package") or name == "dram":
            yield name, folder


def _covers(zones: list[tuple[str, Path]]) -> str:
    packages = sum(name.startswith("package") for name, _ in zones)
    memory = " and memory" if any(name == "dram" for name, _ in zones) else ""
    return f"{packages} processor package{'s' * (packages != 1)}{memory}"


def _read(path: Path) -> int:
    try:
        return int(path.read_bytes())
    except OSError as error:
        raise EnergyError(f"{path} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise EnergyError(f"{path} holds no number") from error


SOURCE = MeterSource(_NAME, _find, lambda _, sys: PowercapMeter(sys), part_of_device=True)
