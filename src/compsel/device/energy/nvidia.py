"""Energy of NVIDIA's GPUs, as their driver counts it."""

from typing import Any

from compsel.device.energy.base import Meter, MeterAvailability, MeterSource, PowerMeter
from compsel.device.nvml import Gpu, NvmlError, gpus
from compsel.errors import EnergyError

__all__ = ["SOURCE", "find_nvidia", "open_nvidia"]

_NAME = "nvml"
# how often the driver renews its counter, about: Yang, Adamek, Armour, Accurate and convenient energy measurements for
# GPUs (SC 2024), found 20 to 100 ms
_INTERVAL_S = 0.1


def find_nvidia(library: Any = None) -> list[MeterAvailability]:
    """Look for GPUs whose energy or power can be read.

    Args:
        library: NVML; None: what the driver brought.
    """
    try:
        found = [_found(gpu) for gpu in gpus(library)]
    except NvmlError as error:
        return [MeterAvailability(_NAME, False, str(error))]
    return found or [MeterAvailability(_NAME, False, "the driver sees no GPU")]


def open_nvidia(name: str, library: Any = None) -> Meter:
    """Open the meter of a GPU, "nvml:0".

    Raises:
        EnergyError: no such GPU, or neither its energy nor its power can be read.
    """
    try:
        gpu = next((gpu for gpu in gpus(library) if f"{_NAME}:{gpu.index}" == name), None)
        if gpu is None:
            raise EnergyError(f"{name}: there is no such GPU")
        try:
            return _GpuMeter(gpu, name)
        except NvmlError:  # before Volta
            return PowerMeter(name, gpu.name, _INTERVAL_S, lambda: _power_mw(gpu))
    except NvmlError as error:
        raise EnergyError(f"{name}: {error}") from error


class _GpuMeter(Meter):
    interval_s = _INTERVAL_S

    def __init__(self, gpu: Gpu, name: str) -> None:
        self.name, self.covers = name, gpu.name
        self._gpu = gpu
        self._start_mj = gpu.energy_mj()

    def energy_mj(self) -> float:
        try:
            return float(self._gpu.energy_mj() - self._start_mj)
        except NvmlError as error:
            raise EnergyError(f"{self.name}: {error}") from error


def _found(gpu: Gpu) -> MeterAvailability:
    name = f"{_NAME}:{gpu.index}"
    try:
        try:
            gpu.energy_mj()
        except NvmlError:
            gpu.power_mw()
    except NvmlError as error:
        return MeterAvailability(name, False, f"{gpu.name}: {error}")
    return MeterAvailability(name, True, gpu.name)


def _power_mw(gpu: Gpu) -> float:
    try:
        return float(gpu.power_mw())
    except NvmlError as error:
        raise EnergyError(str(error)) from error


SOURCE = MeterSource(
    _NAME, lambda _: find_nvidia(), lambda name, _: open_nvidia(name), numbered=True, part_of_device=True
)
