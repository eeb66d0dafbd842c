"""Energy that the whole device draws from a discharging battery, display and radios included.

Kernel documentation: ABI/testing/sysfs-class-power (microwatts, microamperes, microvolts).
"""

from pathlib import Path

from compsel.device.energy.base import MeterAvailability, MeterSource, PowerMeter
from compsel.device.pseudo_files import read_number, read_text
from compsel.errors import EnergyError

__all__ = ["SOURCE", "BatteryMeter"]

_NAME = "battery"
_UW_MW, _UA_UV_MW = 1e-3, 1e-9
_INTERVAL_S = 1.0


def _find(sys: Path) -> list[MeterAvailability]:
    return [_availability(_batteries(sys))]


def _availability(folders: list[Path]) -> MeterAvailability:
    if not folders:
        return MeterAvailability(_NAME, False, "there is no battery")
    try:
        power_mw = _power_mw(folders)
    except EnergyError as error:
        return MeterAvailability(_NAME, False, str(error))
    return MeterAvailability(_NAME, True, f"the whole device, {power_mw / 1000:.1f} W now; renewed about once a second")


class BatteryMeter(PowerMeter):
    """Energy that the device draws from its battery, while it runs on it.

    Args:
        sys: where the kernel's tree is mounted.

    Raises:
        EnergyError: no battery, or it is being charged.

    >>> BatteryMeter(Path("/no/such/folder"))
    Traceback (most recent call last):
    compsel.errors.EnergyError: battery: there is no battery
    """

    def __init__(self, sys: Path) -> None:
        folders = _batteries(sys)
        found = _availability(folders)
        if not found.available:
            raise EnergyError(f"{_NAME}: {found.reason}")
        super().__init__(_NAME, "the whole device", _INTERVAL_S, lambda: _power_mw(folders))


def _batteries(sys: Path) -> list[Path]:
    return [
        folder
        for folder in sorted((sys / "class/power_supply").glob("*"))
        # the batteries of mice and pens have the scope of a device
        if read_text(folder / "type") == "Battery" and read_text(folder / "scope") != "Device"
    ]


def _power_mw(folders: list[Path]) -> float:
    total = 0.0
    for folder in folders:
        status = read_text(folder / "status")
        if status == "Charging":
            raise EnergyError("the battery is being charged: unplug the device")
        power, current, voltage = (read_number(folder / name) for name in ("power_now", "current_now", "voltage_now"))
        if power is not None:
            total += abs(power) * _UW_MW
        elif current is not None and voltage is not None:
            # some drivers show what flows out as negative
            total += abs(current) * voltage * _UA_UV_MW
        else:
            raise EnergyError("the battery does not say how fast it discharges")
    if not any(read_text(folder / "status") == "Discharging" for folder in folders):
        raise EnergyError("the device runs on its cable: unplug it")
    return total


SOURCE = MeterSource(_NAME, _find, lambda _, sys: BatteryMeter(sys))
