"""Raw readings of a device, counters and gauges, and the state that is derived from several of them."""

import math
from collections.abc import Sequence
from typing import Protocol

from compsel.device.state import DeviceState
from compsel.values import dataclass

__all__ = ["Counters", "Gauges", "StateReader", "derive_state", "trend_per_minute"]

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Counters:
    """Readings that are taken often. Seconds and counts rise from some start: only differences mean something.

    Attributes:
        time_ns: when, by `time.perf_counter_ns`.
        busy_s: by core that this process may use: time that it did not idle.
        process_s: processor time of this process.
        cgroup_s: processor time of its control group, where the group's quota limits the process; else NaN.
        quota_throttles: how often the group's quota stopped it; None where not known.
        runnable: threads that could run at that moment, ours among them.
        runnable_others: those of others, in proportion to the part of the machine that is ours.
        stalled_s: time that some thread was stalled for the processor, for memory, for input or output.
    """

    time_ns: int
    busy_s: tuple[float, ...]
    process_s: float
    cgroup_s: float = math.nan
    quota_throttles: int | None = None
    runnable: float = math.nan
    runnable_others: float = math.nan
    stalled_s: tuple[float, float, float] = (math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Gauges:
    """Readings of values that change slowly, taken seldom because they cost more.

    Attributes:
        frequency_mhz, frequency_ratio, temperature_c, battery_percent, on_battery: see `DeviceState`.
        free_memory_bytes, gpu_use, gpu_free_memory_bytes: see `DeviceState`.
        throttle_events: how often heat slowed the processor, a count from some start; None where not known.
        cooling_active: whether cooling limits the clock now; None where not known.
    """

    frequency_mhz: float = math.nan
    frequency_ratio: float = math.nan
    temperature_c: float = math.nan
    battery_percent: float = math.nan
    on_battery: bool | None = None
    free_memory_bytes: float = math.nan
    gpu_use: float = math.nan
    gpu_free_memory_bytes: float = math.nan
    throttle_events: int | None = None
    cooling_active: bool | None = None


class StateReader(Protocol):
    """Reads one kind of operating system.

    Attributes:
        cores: how many cores' worth of time this process may use.
    """

    cores: int

    def counters(self) -> Counters:
        """Read what changes fast."""
        ...

    def gauges(self) -> Gauges:
        """Read what changes slowly."""
        ...

    def close(self) -> None:
        """Close what is kept open."""
        ...


def derive_state(recent: Sequence[Counters], gauges: Gauges, earlier: Gauges, cores: int, trend: float) -> DeviceState:
    """Derive a state from readings of the counters, the oldest first, and the last two of the gauges.

    Until time has passed between the readings, the threads that could run stand in for the load.
    """
    before, now = recent[0], recent[-1]
    elapsed = (now.time_ns - before.time_ns) / _SECOND_NS
    own = _rate(before.process_s, now.process_s, elapsed)
    use = tuple(min(1.0, _rate(*pair, elapsed)) for pair in zip(before.busy_s, now.busy_s, strict=False))
    everyone = _rate(before.cgroup_s, now.cgroup_s, elapsed) if not math.isnan(now.cgroup_s) else math.fsum(use)
    others = everyone - own
    if elapsed <= 0 or not use:
        use, own, others = (), math.nan, max(0.0, now.runnable - 1)
    return DeviceState(
        time_ns=now.time_ns,
        cores=cores,
        load_others=0.0 if math.isnan(others) else min(float(cores), max(0.0, others)),
        load_own=own,
        core_use=use,
        run_queue=max(0.0, now.runnable - 1),
        runnable_others=math.fsum(counters.runnable_others for counters in recent) / len(recent),
        cpu_pressure=_share(before.stalled_s[0], now.stalled_s[0], elapsed),
        memory_pressure=_share(before.stalled_s[1], now.stalled_s[1], elapsed),
        io_pressure=_share(before.stalled_s[2], now.stalled_s[2], elapsed),
        frequency_mhz=gauges.frequency_mhz,
        frequency_ratio=gauges.frequency_ratio,
        temperature_c=gauges.temperature_c,
        temperature_trend_c_per_min=trend,
        throttled=_throttled(before, now, gauges, earlier),
        battery_percent=gauges.battery_percent,
        on_battery=gauges.on_battery,
        free_memory_bytes=gauges.free_memory_bytes,
        gpu_use=gauges.gpu_use,
        gpu_free_memory_bytes=gauges.gpu_free_memory_bytes,
    )


def trend_per_minute(history: Sequence[tuple[int, float]]) -> float:
    """Return the rise from the first to the last of (time_ns, value) pairs, per minute; NaN for fewer than two."""
    if len(history) < 2 or history[-1][0] == history[0][0]:
        return math.nan
    (start_ns, first), (end_ns, last) = history[0], history[-1]
    return (last - first) / ((end_ns - start_ns) / _SECOND_NS / 60)


def _rate(before: float, now: float, elapsed: float) -> float:
    # counters of cores that went offline and came back may jump backwards
    return max(0.0, (now - before) / elapsed) if elapsed > 0 else math.nan


def _share(before: float, now: float, elapsed: float) -> float:
    return min(1.0, _rate(before, now, elapsed)) if not math.isnan(now) else math.nan


def _throttled(before: Counters, now: Counters, gauges: Gauges, earlier: Gauges) -> bool | None:
    signs: list[bool] = []
    if now.quota_throttles is not None and before.quota_throttles is not None:
        signs.append(now.quota_throttles > before.quota_throttles)
    if gauges.throttle_events is not None and earlier.throttle_events is not None:
        signs.append(gauges.throttle_events > earlier.throttle_events)
    if gauges.cooling_active is not None:
        signs.append(gauges.cooling_active)
    return any(signs) if signs else None
