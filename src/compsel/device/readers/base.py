"""Raw readings of a device, and how two of them make a state."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from compsel.device.state import DeviceState

__all__ = ["Counters", "Gauges", "StateReader", "combine", "trend_per_minute"]

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Counters:
    """What is read often. Seconds and counts grow from some start: only differences mean something.

    Attributes:
        time_ns: when, by `time.perf_counter_ns`.
        busy_s: by core that this process may use: time that it did not idle.
        own_s: processor time of this process.
        group_s: processor time of its control group, where the group's quota is what limits it; else NaN.
        held_back: how often the group's quota stopped it; None where that is not known.
        runnable: threads that could run at that moment, ours among them.
        runnable_others: those of others, in proportion to the part of the machine that is ours.
        waiting_s: time that some thread waited for the processor, for memory, for input or output.
    """

    time_ns: int
    busy_s: tuple[float, ...]
    own_s: float
    group_s: float = math.nan
    held_back: int | None = None
    runnable: float = math.nan
    runnable_others: float = math.nan
    waiting_s: tuple[float, float, float] = (math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is read seldom: it changes slowly and costs more.

    Attributes:
        frequency_mhz, frequency_ratio, temperature_c, battery_percent, on_battery: see `DeviceState`.
        free_memory_bytes, gpu_use, gpu_free_memory_bytes: see `DeviceState`.
        throttle_events: how often heat slowed the processor, a count from some start; None where not known.
        capped: whether cooling limits the clock now; None where not known.
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
    capped: bool | None = None


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


def combine(recent: Sequence[Counters], gauges: Gauges, earlier: Gauges, cores: int, trend: float) -> DeviceState:
    """Make a state of readings of the counters, the oldest first, and two of the gauges.

    Until time has passed between the readings, the threads that could run stand in for the load.
    """
    before, now = recent[0], recent[-1]
    elapsed = (now.time_ns - before.time_ns) / _SECOND_NS
    own = _rate(before.own_s, now.own_s, elapsed)
    use = tuple(min(1.0, _rate(*pair, elapsed)) for pair in zip(before.busy_s, now.busy_s, strict=False))
    everyone = _rate(before.group_s, now.group_s, elapsed) if not math.isnan(now.group_s) else math.fsum(use)
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
        cpu_pressure=_share(before.waiting_s[0], now.waiting_s[0], elapsed),
        memory_pressure=_share(before.waiting_s[1], now.waiting_s[1], elapsed),
        io_pressure=_share(before.waiting_s[2], now.waiting_s[2], elapsed),
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
    if now.held_back is not None and before.held_back is not None:
        signs.append(now.held_back > before.held_back)
    if gauges.throttle_events is not None and earlier.throttle_events is not None:
        signs.append(gauges.throttle_events > earlier.throttle_events)
    if gauges.capped is not None:
        signs.append(gauges.capped)
    return any(signs) if signs else None
