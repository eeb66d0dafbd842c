"""The state of the device, sampled by a background thread and read in a microsecond.

with DeviceSampler() as sampler:
    sampler.state().load_others
"""

import contextlib
import os
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

from compsel.device.readers.base import Counters, StateReader, derive_state, trend_per_minute
from compsel.device.state import DeviceState
from compsel.errors import ProcessorError
from compsel.progress.logger import log_event

__all__ = ["DeviceSampler", "DeviceState", "open_reader", "read_state"]

# times as long as `after_sample` worked it is let alone: answers of microseconds need the interpreter
_REST = 9.0
_NS = 1_000_000_000
_TREND_S = 30.0


def open_reader(proc: str | os.PathLike[str] = "/proc", sys: str | os.PathLike[str] = "/sys") -> StateReader:
    """Return the reader for this operating system: the kernel's files where they are, psutil elsewhere."""
    if (Path(proc) / "stat").exists():
        from compsel.device.readers.linux import LinuxReader

        return LinuxReader(proc, sys)
    from compsel.device.readers.portable import PsutilReader  # imports psutil

    return PsutilReader()


def read_state(
    interval_s: float = 0.1, proc: str | os.PathLike[str] = "/proc", sys: str | os.PathLike[str] = "/sys"
) -> DeviceState:
    """Watch the device for `interval_s` and return its state.

    >>> read_state(0.01).cores >= 1
    True
    """
    reader = open_reader(proc, sys)
    try:
        gauges, before = reader.gauges(), reader.counters()
        time.sleep(interval_s)
        return derive_state((before, reader.counters()), reader.gauges(), gauges, reader.cores, float("nan"))
    finally:
        reader.close()


class DeviceSampler:
    """Watches the device in a background thread.

    The thread is a daemon: it never keeps a process alive. Where it has ended without `stop` (no thread survives a
    fork) it is started again when somebody asks for the state.

    Args:
        interval_s: time between samples.
        window_s: time that rates are averaged over: the kernel counts processor time in hundredths of a second.
        gauges_interval_s: time between readings of clock, temperature, battery and memory.
        reader: makes what reads; called again after a fork.
        after_sample: called by the thread after each sample, and by `wake`. What it raises is not passed on: callers
            that rely on it have to notice that it did not run.
        idle_if_unreadable: where nothing can be read take the device for idle, with a warning, instead of raising what
            the reader raised.

    >>> with DeviceSampler(interval_s=0.01) as sampler:
    ...     state = sampler.state()
    >>> 0 <= state.load_others <= state.cores
    True
    """

    # many parameters: each has its usual value
    def __init__(
        self,
        interval_s: float = 0.1,
        window_s: float = 0.2,
        gauges_interval_s: float = 1.0,
        reader: Callable[[], StateReader] = open_reader,
        after_sample: Callable[[], None] | None = None,
        idle_if_unreadable: bool = False,
    ) -> None:
        self.interval_s = interval_s
        self.window_s = window_s
        self.gauges_interval_s = gauges_interval_s
        self._open = reader
        self._lock = threading.Lock()
        self._after_sample = after_sample
        self._idle_if_unreadable = idle_if_unreadable
        # what wakes the thread: True to go on, False to end
        self._wake_ups: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process = 0
        self._state: DeviceState | None = None

    def start(self) -> "DeviceSampler":
        """Start the thread; the first state is there on return, its load guessed from the threads that can run."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return self
            self._process = os.getpid()
            self._wake_ups = queue.SimpleQueue()
            readings, self._state = self._first_readings()
            # the thread must not keep alive what it works for: that is dropped without `stop` now and then
            work = (weakref.ref(self), readings, self._wake_ups, self.interval_s)
            self._thread = threading.Thread(target=_run, args=work, name="compsel-device-sampler", daemon=True)
            self._thread.start()
            weakref.finalize(self, self._wake_ups.put, False)
        return self

    def stop(self) -> None:
        """Stop watching; the last state stays."""
        self._forget_after_fork()
        with self._lock:
            self._wake_ups.put(False)
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def wake(self) -> None:
        """Make the thread call `after_sample` soon: at once, unless it did just now, for that is work too."""
        self._wake_ups.put(True)

    def state(self) -> DeviceState:
        """Return the latest state, which after `stop` is the last one; start the thread if nothing ever did."""
        thread = self._thread
        # in the child of a fork every thread but its first counts as ended
        if self._state is None if thread is None else not thread.is_alive():
            self._forget_after_fork()
            self.start()
        state = self._state
        if state is None:
            raise ProcessorError("device state: it cannot be read here")
        return state

    def __enter__(self) -> "DeviceSampler":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _forget_after_fork(self) -> None:
        if self._process not in (0, os.getpid()):
            # the thread that held the lock when the process forked is not in this one to release it
            self._lock = threading.Lock()
            self._thread = None

    def _first_readings(self) -> "tuple[_RecentReadings | _NoReadings, DeviceState]":
        try:
            readings = _RecentReadings(self._open(), self.window_s, self.gauges_interval_s)
            return readings, readings.sample()
        except Exception as error:
            if not self._idle_if_unreadable:
                raise
            # a machine without such files, or a sandbox: an app goes on
            text = "the state of the device cannot be read (%r): it is taken for idle"
            fields = {"error": str(error), "error_type": type(error).__name__}
            log_event("WARNING", "state_unreadable", text, error, fields=fields)
            return _NoReadings(), _NoReadings().sample()

    def _take(self, readings: "_RecentReadings | _NoReadings") -> None:
        # a read that fails (a core that went offline, a file in a new form) leaves the last state
        with contextlib.suppress(Exception):
            self._state = readings.sample()

    def _after(self) -> float:
        """Call what is to be called after a sample; return until when the thread rests."""
        if self._after_sample is None:
            return 0.0
        begin_s = time.monotonic()
        with contextlib.suppress(Exception):
            self._after_sample()
        return time.monotonic() + _REST * (time.monotonic() - begin_s)


def _run(
    sampler: "weakref.ref[DeviceSampler]",
    readings: "_RecentReadings | _NoReadings",
    wake_ups: "queue.SimpleQueue[bool]",
    interval_s: float,
) -> None:
    """What the thread does, until it is told to end or nobody holds the sampler any longer."""
    due_s, rested_s = time.monotonic() + interval_s, 0.0
    try:
        while _wait(wake_ups, due_s - time.monotonic()) and _rest(wake_ups, rested_s):
            held = sampler()
            if held is None:
                return
            if time.monotonic() >= due_s:
                held._take(readings)
                due_s = time.monotonic() + held.interval_s
            rested_s = held._after()
            del held
    finally:
        readings.close()


def _wait(wake_ups: "queue.SimpleQueue[bool]", wait_s: float) -> bool:
    """Wait to be woken, or for the time to pass; return whether the thread is to go on."""
    try:
        return wake_ups.get(timeout=max(0.0, wait_s))
    except queue.Empty:
        return True


def _rest(wake_ups: "queue.SimpleQueue[bool]", until_s: float) -> bool:
    """Wait until a moment, whoever wakes; return whether the thread is to go on."""
    while (wait_s := until_s - time.monotonic()) > 0:
        try:
            if not wake_ups.get(timeout=wait_s):
                return False
        except queue.Empty:
            break
    return True


class _RecentReadings:
    """The readings of the last moments: rates come from the oldest and the newest of them."""

    def __init__(self, reader: StateReader, window_s: float, gauges_interval_s: float) -> None:
        self._reader = reader
        self._window_ns = int(window_s * _NS)
        self._gauges_interval_ns = int(gauges_interval_s * _NS)
        self._recent: deque[Counters] = deque()
        self._gauges = self._earlier = reader.gauges()
        self._gauges_ns = time.perf_counter_ns()
        self._temperatures = deque([(self._gauges_ns, self._gauges.temperature_c)])

    def sample(self) -> DeviceState:
        now = self._reader.counters()
        if now.time_ns - self._gauges_ns >= self._gauges_interval_ns:
            self._read_gauges()
        self._recent.append(now)
        # keeps one reading that is at least a window old
        while len(self._recent) > 2 and now.time_ns - self._recent[1].time_ns >= self._window_ns:
            self._recent.popleft()
        trend = trend_per_minute(self._temperatures)
        return derive_state(self._recent, self._gauges, self._earlier, self._reader.cores, trend)

    def _read_gauges(self) -> None:
        self._earlier, self._gauges = self._gauges, self._reader.gauges()
        self._gauges_ns = time.perf_counter_ns()
        self._temperatures.append((self._gauges_ns, self._gauges.temperature_c))
        while len(self._temperatures) > 2 and self._gauges_ns - self._temperatures[1][0] >= _TREND_S * _NS:
            self._temperatures.popleft()

    def close(self) -> None:
        self._reader.close()


class _NoReadings:
    """Where nothing can be read: an idle device, as far as anybody knows."""

    def sample(self) -> DeviceState:
        return DeviceState(time.perf_counter_ns(), os.cpu_count() or 1, load_others=0.0, runnable_others=0.0)

    def close(self) -> None:
        pass
