"""NVIDIA's library as a machine with GPUs has it, without any."""

import ctypes
from typing import Any


class FakeNvml:
    """NVIDIA's library with one GPU, which answers through the pointers that it is given."""

    def __init__(self, *, counts_energy: bool = True, count: int = 1) -> None:
        self.energy_mj, self.power_mw, self.count = 1000, 30_000, count
        self.counts_energy = counts_energy

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "nvmlInit_v2": lambda: 0,
            "nvmlDeviceGetCount_v2": lambda out: self._set(out, self.count),
            "nvmlDeviceGetHandleByIndex_v2": lambda index, out: self._set(out, 1),
            "nvmlDeviceGetName": lambda handle, text, size: self._text(text),
            "nvmlDeviceGetPowerUsage": lambda handle, out: self._set(out, self.power_mw),
        }
        if self.counts_energy:
            answers["nvmlDeviceGetTotalEnergyConsumption"] = lambda handle, out: self._set(out, self.energy_mj)
        if name in answers:
            return answers[name]
        raise AttributeError(name)

    @staticmethod
    def nvmlDeviceGetUtilizationRates(handle: Any, out: Any) -> int:  # noqa: N802  the library's name
        out._obj.gpu = 40
        return 0

    @staticmethod
    def nvmlDeviceGetMemoryInfo(handle: Any, out: Any) -> int:  # noqa: N802  the library's name
        out._obj.free = 5
        return 0

    @staticmethod
    def _set(out: Any, value: int) -> int:
        out._obj.value = value
        return 0

    @staticmethod
    def _text(text: ctypes.Array[ctypes.c_char]) -> int:
        text.value = b"A GPU"
        return 0
