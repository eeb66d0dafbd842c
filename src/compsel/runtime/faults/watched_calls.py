"""Calls that may hang: each in a thread that can be given up on, so that no caller waits longer than it said."""

import atexit
import contextlib
import os
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from compsel.errors import CompselError, ProcessorError

__all__ = ["CancelledCallError", "HangError", "StillOpeningError", "WatchedCalls"]

Result = TypeVar("Result")

_IDLE_S = 5.0
# the interpreter ends the process with an error where it ends before a thread that is inside ONNX Runtime
_AT_EXIT_S, _STEP_S = 5.0, 0.01
# threads that never came back; what leaves so many behind is not to be tried again
_MOST_LOST = 256


class HangError(ProcessorError, TimeoutError):
    """A call did not return in time; the thread that made it is left to itself."""


class StillOpeningError(HangError):
    """An engine is not open by the time that a deadline leaves for it, which says nothing against it."""


class CancelledCallError(CompselError):
    """Whoever wanted the answer wants it no longer."""


class WatchedCalls:
    """Makes calls in threads that are kept for the next ones.

    >>> WatchedCalls().call(lambda: 1 + 1, 1.0, "adding")
    2
    >>> WatchedCalls().call(threading.Event().wait, 0.01, "waiting")
    Traceback (most recent call last):
        ...
    compsel.runtime.faults.watched_calls.HangError: waiting: has not ended after 10 ms
    """

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._lost: set[_Worker] = set()
        # by the thread that waits
        self._awaited: dict[int, _Job] = {}
        self._process = os.getpid()
        _MADE.add(self)

    def call(
        self, function: Callable[[], Result], limit_s: float, what: str, give_up: Callable[[int], None] | None = None
    ) -> Result:
        """Return what a function returns, or raise what it raises.

        Args:
            function: takes nothing.
            limit_s: how long to wait for it.
            what: it does, for the message.
            give_up: is told of the thread that was given up, before it makes any other call.

        Raises:
            HangError: it takes longer.
            CancelledCallError: see `abandon`.
        """
        started = self._start(function, what)
        if started is None:
            return function()
        worker, job = started
        caller = threading.get_ident()
        self._awaited[caller] = job
        try:
            ended = job.done.acquire(timeout=min(max(limit_s, 0.0), threading.TIMEOUT_MAX))
        finally:
            self._awaited.pop(caller, None)
        if not ended or job.is_abandoned:
            if give_up is not None and worker.ident is not None:
                give_up(worker.ident)
            self._lost.add(worker)
            is_abandoned = job.is_abandoned
            # what comes after all is nobody's: the error would hold it
            del job, started, worker
            if is_abandoned:
                raise CancelledCallError(f"{what}: was cancelled")
            raise HangError(f"{what}: has not ended after {1000 * limit_s:.0f} ms")
        self._idle.append(worker)
        if job.error is None:
            result: Result = job.result
            return result
        try:
            raise job.error
        finally:
            # else the error holds this frame, which holds the error: and with it engine and input
            del job, started

    def abandon(self, caller: int) -> None:
        """Make the call that a thread waits for now end at once, as if it took too long."""
        job = self._awaited.get(caller)
        if job is not None:
            job.is_abandoned = True
            job.end()

    def start(self, function: Callable[[], object], what: str) -> bool:
        """Call a function, and do not wait for it; what it returns or raises is lost.

        Returns:
            Whether it is called: it is not where no thread can be started.

        Raises:
            HangError: too many calls before have not ended.
        """
        started = self._start(function, what)
        if started is None:
            return False
        self._lost.add(started[0])  # until it is free again
        return True

    def wait(self, until_s: float) -> None:
        """Wait for the threads that were given up, until a moment of `time.monotonic`."""
        while self._process == os.getpid() and time.monotonic() < until_s:
            if all(worker.is_free() for worker in list(self._lost)):
                return
            time.sleep(_STEP_S)

    def _start(self, function: Callable[[], Any], what: str) -> "tuple[_Worker, _Job] | None":
        """Begin a call; None where no thread can be started: then whoever wants it has to make it."""
        if self._process != os.getpid():
            # no thread but one survives a fork
            self._process, self._idle, self._lost = os.getpid(), [], set()
        worker, job = self._worker(what), _Job(function)
        if worker is None:
            return None
        worker.jobs.put(job)
        return worker, job

    def _worker(self, what: str) -> "_Worker | None":
        try:
            while True:
                worker = self._idle.pop()
                if worker.claim():
                    return worker
        except IndexError:
            pass
        if self._lost:
            # those that came back after all
            # a list, made in one step: another thread may lose one meanwhile
            free = {worker for worker in list(self._lost) if worker.is_free()}
            self._lost -= free
            self._idle += [worker for worker in free if worker.is_alive()]
        if len(self._lost) >= _MOST_LOST:
            raise HangError(f"{what}: {len(self._lost)} calls before have not ended: restart the process")
        worker = _Worker()
        try:
            worker.start()
        except RuntimeError:  # as many threads as the system allows
            return None
        return worker


class _Job:
    """A call, and what came of it."""

    __slots__ = ("done", "error", "function", "is_abandoned", "result")

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function = function
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_abandoned = False
        self.done = threading.Lock()
        self.done.acquire()

    def end(self) -> None:
        """Let whoever waits go on, if somebody does."""
        with contextlib.suppress(RuntimeError):
            self.done.release()


class _Worker(threading.Thread):
    """Makes one call after the other, and ends when there was none for a while."""

    def __init__(self) -> None:
        super().__init__(name="compsel-call", daemon=True)
        self.jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._claimed = threading.Lock()
        self._claimed.acquire()
        self._working = False

    def claim(self) -> bool:
        """Take the thread for a call, unless it is about to end."""
        return self.is_alive() and not self._claimed.locked() and self._claimed.acquire(blocking=False)

    def is_free(self) -> bool:
        return not self.is_alive() or not self._claimed.locked()

    def run(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                # whoever claims it from now on finds it taken
                if self._claimed.acquire(blocking=False):
                    return
                continue
            try:
                job.result = job.function()
            except BaseException as error:
                job.error = error
            self._claimed.release()
            job.end()
            del job


_MADE: "weakref.WeakSet[WatchedCalls]" = weakref.WeakSet()


@atexit.register
def _wait_for_all() -> None:
    until_s = time.monotonic() + _AT_EXIT_S
    for calls in list(_MADE):
        calls.wait(until_s)
