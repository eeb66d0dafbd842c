"""Readings from Linux: `/proc` and control groups, through files that are kept open."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from compsel.device.cgroup import cpu_quota, group_folders
from compsel.device.pseudo_files import PseudoFile, read_number
from compsel.device.readers.base import Counters, Gauges
from compsel.device.readers.gpus import GpuGauges
from compsel.device.readers.linux_gauges import LinuxGauges
from compsel.device.readers.linux_threads import ProcessThreads

__all__ = ["LinuxReader"]

_TICK_S = 1 / (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
# a line of /proc/stat: user nice system idle iowait irq softirq steal, then guests, who are in user already
_COLUMNS, _IDLE_COLUMN, _IOWAIT_COLUMN = 8, 3, 4
_IDLE = 0.02
_MICROSECOND_S, _NANOSECOND_S, _KIB = 1e-6, 1e-9, 1024
_PRESSURES = ("cpu", "memory", "io")
# version 1 of control groups writes a number near 2^63 where there is no limit
_NO_LIMIT_BYTES = 1 << 60


class LinuxReader:
    """Reads the state of a Linux machine. What the machine does not have is NaN or None, never an error.

    Args:
        proc, sys: where the kernel's trees are mounted: others in tests.
        process_seconds: gives the processor time of this process.
        affinity: the cores that this process may use; None: what the kernel says.

    >>> LinuxReader(proc="/no/such/folder", sys="/no/such/folder").counters().busy_s
    ()
    """

    def __init__(
        self,
        proc: str | os.PathLike[str] = "/proc",
        sys: str | os.PathLike[str] = "/sys",
        process_seconds: Callable[[], float] = time.process_time,
        affinity: Sequence[int] | None = None,
    ) -> None:
        root, mount = Path(proc), Path(sys)
        self._process_seconds = process_seconds
        usable = os.sched_getaffinity(0) if affinity is None else affinity
        self._cores = frozenset(b"cpu%d" % core for core in usable)
        quota = cpu_quota(proc, sys)
        limited = quota is not None and quota < len(self._cores)
        self.cores = max(1, math.ceil(quota) if quota is not None and limited else len(self._cores))
        # under a quota it is the neighbours in the container that take from it, not those on the machine
        group = next(group_folders("cpu", proc, sys), None) if limited else None
        self._stat = PseudoFile(root / "stat")
        self._loadavg = PseudoFile(root / "loadavg")
        self._meminfo = PseudoFile(root / "meminfo")
        self._group_stat = PseudoFile(*([group / "cpu.stat"] if group else []))
        self._group_usage = PseudoFile(*_usage_files(mount, group))
        self._pressures = tuple(
            PseudoFile(*([group / f"{what}.pressure"] if group else []), root / "pressure" / what)
            for what in _PRESSURES
        )
        self._memory_limits = list(_memory_limits(proc, sys))
        self._threads = ProcessThreads(root)
        self._looked = (0, math.inf)  # when, and how much this process had worked beside the thread that looks
        online = sum(line.startswith(b"cpu") for line in self._stat.read().splitlines()) - 1
        # threads anywhere on the machine compete for the part of it that is ours
        self._part = min(1.0, self.cores / online) if online > 0 else 1.0
        self._gpus = GpuGauges(mount)
        self._gauges = LinuxGauges(mount, sorted(usable))

    def counters(self) -> Counters:
        """Read what changes fast."""
        time_ns, process_s = time.perf_counter_ns(), self._process_seconds()
        group = dict(words[:2] for line in self._group_stat.read().splitlines() if len(words := line.split()) >= 2)
        usage_us = group.get(b"usage_usec")
        quota_throttles = _number(group.get(b"nr_throttled"))
        # one right after the other: both at the same moment
        runnable, own_runnable = self._runnable(), self._own_runnable(time_ns, process_s)
        return Counters(
            time_ns=time_ns,
            busy_s=self._busy_s(),
            process_s=process_s,
            cgroup_s=_number(usage_us) * _MICROSECOND_S
            if usage_us
            else _number(self._group_usage.read()) * _NANOSECOND_S,
            quota_throttles=None if math.isnan(quota_throttles) else int(quota_throttles),
            runnable=runnable,
            runnable_others=self._part * max(0.0, runnable - 1 - own_runnable),
            stalled_s=(self._waiting_s(0), self._waiting_s(1), self._waiting_s(2)),
        )

    def gauges(self) -> Gauges:
        """Read what changes slowly."""
        gpu_use, gpu_free = self._gpus.read()
        return replace(
            self._gauges.read(),
            free_memory_bytes=self._free_memory_bytes(),
            gpu_use=gpu_use,
            gpu_free_memory_bytes=gpu_free,
        )

    def close(self) -> None:
        """Close the files."""
        files = (self._stat, self._loadavg, self._meminfo, self._group_stat, self._group_usage, *self._pressures)
        for file in (*files, *(used for _, used in self._memory_limits)):
            file.close()
        self._threads.close()

    def _busy_s(self) -> tuple[float, ...]:
        busy = []
        for line in self._stat.read().splitlines():
            if not line.startswith(b"cpu"):
                break
            name, *columns = line.split()
            if name in self._cores:
                ticks = [_number(column) for column in columns[:_COLUMNS]]
                if len(ticks) > _IOWAIT_COLUMN:
                    busy.append((sum(ticks) - ticks[_IDLE_COLUMN] - ticks[_IOWAIT_COLUMN]) * _TICK_S)
        return tuple(busy)

    def _runnable(self) -> float:
        # 0.52 0.58 0.59 4/467 12345
        words = self._loadavg.read().split()
        return _number(words[3].partition(b"/")[0]) if len(words) > 3 else math.nan

    def _own_runnable(self, time_ns: int, process_s: float) -> int:
        # where nothing but the thread that looks has worked, no other can run: looking at each costs more than the rest
        busy_s = process_s - time.thread_time()
        (then_ns, before_s), self._looked = self._looked, (time_ns, busy_s)
        idle = abs(busy_s - before_s) < _IDLE * (time_ns - then_ns) * _NANOSECOND_S
        return 0 if idle else self._threads.runnable()

    def _waiting_s(self, index: int) -> float:
        # some avg10=0.00 avg60=0.00 avg300=0.00 total=1234
        first = self._pressures[index].read().partition(b"\n")[0]
        return _number(first.rpartition(b"total=")[2]) * _MICROSECOND_S

    def _free_memory_bytes(self) -> float:
        _, _, text = self._meminfo.read().partition(b"MemAvailable:")
        free = _number(text.lstrip().partition(b" ")[0]) * _KIB
        for limit, used in self._memory_limits:
            left = limit - _number(used.read())
            if not math.isnan(left):
                free = max(0.0, left if math.isnan(free) else min(free, left))
        return free


def _number(text: bytes | None) -> float:
    """Return a count in a kernel file; NaN for what is none."""
    try:
        return float(int(text)) if text else math.nan
    except ValueError:
        return math.nan


def _usage_files(sys: Path, group: Path | None) -> list[Path]:
    """Where version 1 of control groups keeps the processor time of a group: in a tree of its own."""
    first = sys / "fs/cgroup/cpu"
    if group is None or not group.is_relative_to(first):
        return []
    return [sys / "fs/cgroup/cpuacct" / group.relative_to(first) / "cpuacct.usage", group / "cpuacct.usage"]


def _memory_limits(proc: str | os.PathLike[str], sys: str | os.PathLike[str]) -> list[tuple[int, PseudoFile]]:
    """Return every memory limit above this process, with the file of what is used of it."""
    limits = []
    for folder in group_folders("memory", proc, sys):
        for limit_file, used_file in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit = read_number(folder / limit_file)
            if limit is not None and limit < _NO_LIMIT_BYTES:
                limits.append((limit, PseudoFile(folder / used_file)))
    return limits
