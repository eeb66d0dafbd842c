"""The state of a device at one moment."""

import math
from typing import Any

from compsel.values import dataclass

__all__ = ["DeviceState"]


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What goes on on the device beside our own inferences. NaN, or None, where the machine does not say.

    Attributes:
        time_ns: when it was read, by `time.perf_counter_ns`.
        cores: how many cores' worth of time this process may use (affinity, container).
        load_others: cores kept busy by other processes (by the hypervisor too), 0 to `cores`. Under a quota of a
            container that is below its cores: by the others in the container.
        load_own: cores kept busy by this process.
        core_use: share of time that each core this process may use was busy, by anyone; 0 to 1.
        run_queue: threads that could run at that moment, the one that looked not counted.
        runnable_others: threads of other processes that could run, a mean over the last samples; the part of them that
            falls to our share of the machine's cores. Unlike `load_others` it goes on rising when every core is busy.
        cpu_pressure, memory_pressure, io_pressure: share of time that some thread waited for it; 0 to 1.
        frequency_mhz: mean clock of the cores; frequency_ratio: of their greatest clock, 0 to 1.
        temperature_c: of the processor.
        temperature_trend_c_per_min: its rise over the last half minute.
        throttled: whether heat, or a container's quota, held the processor back just now.
        battery_percent: charge, 0 to 100; on_battery: whether it runs on it.
        free_memory_bytes: what can be allocated without swapping, in the container if there is one.
        gpu_use: share of time that the busiest GPU worked, for anyone, 0 to 1.
        gpu_free_memory_bytes: free memory of the fullest GPU that has its own.

    >>> DeviceState(time_ns=0, cores=2, load_others=1.0).run_queue
    nan
    """

    time_ns: int
    cores: int
    load_others: float
    load_own: float = math.nan
    core_use: tuple[float, ...] = ()
    run_queue: float = math.nan
    runnable_others: float = math.nan
    cpu_pressure: float = math.nan
    memory_pressure: float = math.nan
    io_pressure: float = math.nan
    frequency_mhz: float = math.nan
    frequency_ratio: float = math.nan
    temperature_c: float = math.nan
    temperature_trend_c_per_min: float = math.nan
    throttled: bool | None = None
    battery_percent: float = math.nan
    on_battery: bool | None = None
    free_memory_bytes: float = math.nan
    gpu_use: float = math.nan
    gpu_free_memory_bytes: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON can hold it: null for what is not known."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["core_use"] = list(self.core_use)
        return {key: None if isinstance(v, float) and math.isnan(v) else v for key, v in fields.items()}
