"""NVIDIA's management library (NVML), which comes with the driver: energy, use and memory of its GPUs.

Called through ctypes: nothing has to be installed. NVML API reference: device queries.
"""

import ctypes
import functools
import sys
from typing import Any

__all__ = ["Gpu", "NvmlError", "gpus"]

_UTILISATION_UNITS = 100


class NvmlError(Exception):
    """The library is not here, or does not answer; the text says why."""


class _Utilisation(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class Gpu:
    """One GPU.

    Args:
        library: NVML, loaded and started.
        index: its number.

    Attributes:
        index: its number; name: as the maker calls it.
    """

    def __init__(self, library: Any, index: int) -> None:
        self.index = index
        self._library = library
        self._handle = ctypes.c_void_p()
        self._call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(self._handle))
        text = ctypes.create_string_buffer(96)
        self._call("nvmlDeviceGetName", self._handle, text, ctypes.c_uint(len(text)))
        self.name = text.value.decode(errors="replace")

    def energy_mj(self) -> int:
        """Return the energy (mJ) used since the driver was loaded (Volta and newer)."""
        value = ctypes.c_ulonglong()
        self._get("nvmlDeviceGetTotalEnergyConsumption", value)
        return int(value.value)

    def power_mw(self) -> int:
        """Return the power (mW) now."""
        value = ctypes.c_uint()
        self._get("nvmlDeviceGetPowerUsage", value)
        return int(value.value)

    def use(self) -> float:
        """Return the share of time that something ran on it lately, 0 to 1."""
        value = _Utilisation()
        self._get("nvmlDeviceGetUtilizationRates", value)
        return float(value.gpu) / _UTILISATION_UNITS

    def free_memory_bytes(self) -> int:
        """Return how much of its memory is free."""
        value = _Memory()
        self._get("nvmlDeviceGetMemoryInfo", value)
        return int(value.free)

    def _get(self, function: str, value: Any) -> None:
        self._call(function, self._handle, ctypes.byref(value))

    def _call(self, function: str, *arguments: Any) -> None:
        _check(self._library, function, *arguments)


def _check(library: Any, function: str, *arguments: Any) -> None:
    try:
        status = getattr(library, function)(*arguments)
    except AttributeError as error:
        raise NvmlError(f"the driver's library has no {function}: it is too old") from error
    if status:
        raise NvmlError(f"{function}: error {status}")


def gpus(library: Any = None) -> list[Gpu]:
    """Return NVIDIA's GPUs of this machine.

    Args:
        library: NVML; None: what the driver brought.

    Raises:
        NvmlError: no driver, or it does not answer.
    """
    library = library or _library()
    _check(library, "nvmlInit_v2")
    count = ctypes.c_uint()
    _check(library, "nvmlDeviceGetCount_v2", ctypes.byref(count))
    return [Gpu(library, index) for index in range(count.value)]


@functools.cache
def _library() -> Any:
    try:
        return ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError as error:
        raise NvmlError("there is no NVIDIA driver") from error
