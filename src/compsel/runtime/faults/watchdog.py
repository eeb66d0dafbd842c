"""A thread that looks after what runs: it needs nothing of the device, and so nothing there can stop it."""

import contextlib
import math
import threading
import time
import weakref
from collections.abc import Callable
from types import MethodType

__all__ = ["Watchdog"]

_INTERVAL_NS, _NS = 100_000_000, 1e9


class Watchdog:
    """Calls a method several times a second, and sooner where somebody asks, as long as the object that has it is used.

    Args:
        look: the method; it returns the moment (`time.perf_counter_ns`) by which it wants to be called again, at most a
            tenth of a second later; what it raises is not passed on.

    >>> class Kennel:
    ...     looked = threading.Event()
    ...     def look(self) -> float:
    ...         self.looked.set()
    ...         return math.inf
    >>> kennel = Kennel()
    >>> watchdog = Watchdog(kennel.look)
    >>> watchdog.ensure()
    >>> watchdog.looks_by(time.perf_counter_ns() + 1_000_000), kennel.looked.wait(10.0)
    (True, True)
    >>> watchdog.stop()
    """

    def __init__(self, look: Callable[[], float]) -> None:
        if not isinstance(look, MethodType):
            raise TypeError(f"look: got {look!r}, allowed is a method")
        self._look = weakref.WeakMethod(look)
        self._alarm = _Alarm()
        self._thread: threading.Thread | None = None

    def ensure(self) -> None:
        """Start the thread where there is none: at first, and in the child of a fork."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            return
        self._alarm = _Alarm()
        self._thread = threading.Thread(
            target=_run, args=(self._look, self._alarm), name="compsel-watchdog", daemon=True
        )
        with contextlib.suppress(RuntimeError):  # as many threads as the system allows: later, then
            self._thread.start()

    def looks_by(self, moment_ns: float) -> bool:
        """Have it look no later than at a moment of `time.perf_counter_ns`; False where it has no thread."""
        thread, alarm = self._thread, self._alarm
        if thread is None or not thread.is_alive():
            return False
        if alarm.next_ns > moment_ns:
            alarm.early.set()
        return True

    def stop(self) -> None:
        """End the thread; do not wait for it."""
        self._alarm.ended = True
        self._alarm.early.set()
        self._thread = None


class _Alarm:
    """When the thread looks next, and what wakes it before."""

    def __init__(self) -> None:
        self.ended = False
        self.early = threading.Event()
        self.next_ns = math.inf


def _run(look: "weakref.WeakMethod[Callable[[], float]]", alarm: _Alarm) -> None:
    wanted_ns = math.inf
    while True:
        now_ns = time.perf_counter_ns()
        # what is asked for from here on sees this moment, what was asked for before has set the event
        alarm.next_ns = min(wanted_ns, now_ns + _INTERVAL_NS)
        alarm.early.wait(max(0.0, alarm.next_ns - now_ns) / _NS)
        if alarm.ended:
            return
        alarm.next_ns = math.inf
        alarm.early.clear()
        method = look()
        if method is None:
            return
        wanted_ns = math.inf
        with contextlib.suppress(Exception):
            wanted_ns = method()
        del method
