"""Readings from systems other than Linux, by psutil."""

import math
import time
from pathlib import Path
from typing import Any

import psutil

from compsel.device.cgroup import usable_cores
from compsel.device.readers.base import Counters, Gauges
from compsel.device.readers.gpus import GpuGauges

__all__ = ["PsutilReader"]


class PsutilReader:
    """Reads the state of a machine through psutil: load, memory, clock, temperature and battery, where it can.

    >>> len(PsutilReader().counters().busy_s) >= 1
    True
    """

    def __init__(self) -> None:
        self.cores = usable_cores()
        self._gpus = GpuGauges(Path("/sys"))

    def counters(self) -> Counters:
        """Read what changes fast."""
        time_ns = time.perf_counter_ns()
        cores = psutil.cpu_times(percpu=True)
        return Counters(
            time_ns=time_ns,
            busy_s=tuple(core.user + core.system + getattr(core, "nice", 0.0) for core in cores),
            process_s=time.process_time(),
        )

    def gauges(self) -> Gauges:
        """Read what changes slowly."""
        clock = _call("cpu_freq")
        gpu_use, gpu_free = self._gpus.read()
        battery = _call("sensors_battery")
        sensors = _call("sensors_temperatures") or {}
        temperatures = [entry.current for entries in sensors.values() for entry in entries if entry.current]
        return Gauges(
            frequency_mhz=clock.current if clock else math.nan,
            frequency_ratio=clock.current / clock.max if clock and clock.max else math.nan,
            temperature_c=max(temperatures, default=math.nan),
            battery_percent=float(battery.percent) if battery else math.nan,
            free_memory_bytes=float(psutil.virtual_memory().available),
            gpu_use=gpu_use,
            gpu_free_memory_bytes=gpu_free,
            on_battery=not battery.power_plugged if battery and battery.power_plugged is not None else None,
        )

    def close(self) -> None:
        """Nothing is kept open."""


def _call(name: str) -> Any:
    """Call a function of psutil that not every system has, or that fails on some."""
    try:
        return getattr(psutil, name)()
    except (AttributeError, NotImplementedError, OSError, RuntimeError):
        return None
