"""What holds for every energy meter: the checks that a new one must pass."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from compsel.device.energy import Meter, find_meters, open_meter
from compsel.errors import EnergyError

__all__ = ["CHECKS"]


def check_is_found_with_what_it_measures(name: str, sys: Path) -> None:
    (found,) = [meter for meter in find_meters(sys) if meter.name == name]
    assert found.available
    assert found.reason


def check_opens_by_its_name(name: str, sys: Path) -> None:
    with open_meter(name, sys) as meter:
        assert isinstance(meter, Meter)
        assert meter.name == name
        assert meter.covers
        assert 0 < meter.interval_s < math.inf


def check_starts_at_nothing_and_never_falls(name: str, sys: Path) -> None:
    with open_meter(name, sys) as meter:
        readings = [meter.energy_mj() for _ in range(20)]
    assert 0 <= readings[0] < 1e6, "since it was opened, not since the machine was started"
    assert readings == sorted(readings)


def check_measures_and_does_not_guess(name: str, sys: Path) -> None:
    with open_meter(name, sys) as meter:
        assert not meter.estimated


def check_adds_to_others(name: str, sys: Path) -> None:
    with open_meter(f"{name}+estimate:2", sys) as meter:
        assert meter.name == f"{name}+estimate:2"
        assert meter.estimated
        assert meter.energy_mj() >= 0


def check_other_names_are_refused(name: str, sys: Path) -> None:
    for wrong in (f"{name}er", f"{name}:x", f"{name}+"):
        with pytest.raises(EnergyError):
            open_meter(wrong, sys)


CHECKS: list[Callable[[str, Path], None]] = [
    check_is_found_with_what_it_measures,
    check_opens_by_its_name,
    check_starts_at_nothing_and_never_falls,
    check_measures_and_does_not_guess,
    check_adds_to_others,
    check_other_names_are_refused,
]
