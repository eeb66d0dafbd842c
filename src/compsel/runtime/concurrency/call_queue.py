"""A bounded queue before the threads that work: what cannot be done in time is refused at once, not kept waiting.

As Triton (`max_queue_size`, timeouts with the action REJECT) and Ray Serve (`max_queued_requests`) do.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from compsel.errors import BundleError, OverloadedError
from compsel.runtime.elapsed import elapsed_ns
from compsel.runtime.faults.watched_calls import HangError, WatchedCalls

__all__ = ["CallQueue", "ExpectedWork", "QueuedCall", "Stopper"]

T = TypeVar("T")

_MS = 1e6
# share of the newest measurement in what work takes
_NEWEST = 0.1


class Stopper(Protocol):
    """Ends what a thread does."""

    def cancel(self, thread: int) -> None:
        """Make it end with an error."""

    def forget(self, thread: int) -> None:
        """Let it do something else."""


@dataclass(frozen=True, slots=True)
class ExpectedWork:
    """What one call is expected to take.

    Attributes:
        usual_ms: on average, as long as nothing was measured.
        least_ms: where it has to be fast.
    """

    usual_ms: float = 0.0
    least_ms: float = 0.0


class QueuedCall(Future[T]):
    """A call that waits, runs, or is done; `cancel` also ends what runs.

    Attributes:
        work: takes the time (ns) that the call waited; None when it is over.
        deadline_ms: from when it was submitted; None: it has none.
        expected: what it takes; None: it did not have to wait for others, and is made whatever its deadline.
        stopper: ends it; None: it runs to its end.
        thread: that works on it; None: none does.
    """

    def __init__(
        self,
        queue: "CallQueue",
        work: Callable[[int], T],
        deadline_ms: float | None,
        stopper: Stopper | None,
    ) -> None:
        super().__init__()
        self.work: Callable[[int], T] | None = work
        self.deadline_ms, self.stopper = deadline_ms, stopper
        self.expected: ExpectedWork | None = None
        self.since_ns = time.perf_counter_ns()
        self.thread: int | None = None
        self._queue: CallQueue | None = queue

    def cancel(self) -> bool:
        """Give up the place in the queue, or end the run; return whether nobody gets a result any longer."""
        queue = self._queue
        if not super().cancel():
            return False
        if queue is not None:
            queue.withdraw(self)
        return True

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        """Hand over what came of it, and let go of what it needed; it stays cancelled where it was."""
        self.work = self._queue = self.stopper = None
        if not self.set_running_or_notify_cancel():
            return
        if error is None:
            self.set_result(result)
        else:
            self.set_exception(error)


class CallQueue:
    """Does work in threads, in its order.

    Args:
        max_concurrency: so much at once.
        max_queued: so much may wait.
        name: of the option that `max_queued` is, for the message.

    Attributes:
        refused, cancelled: how often that was.

    >>> queue = CallQueue(max_concurrency=1, max_queued=1)
    >>> queue.submit(lambda waited_ns: 42).result()
    42
    >>> queue.close()
    """

    def __init__(self, max_concurrency: int, max_queued: int, name: str = "max_queued_requests") -> None:
        self._most, self._most_queued, self._name = max_concurrency, max_queued, name
        self._threads = WatchedCalls()
        self._process, self._lock = os.getpid(), threading.Lock()
        self._waiting: deque[QueuedCall[Any]] = deque()
        # threads, and how many of them have taken a call
        self._workers = self._busy = 0
        self._taken_ms: float | None = None
        self._closed = False
        self.refused = self.cancelled = 0

    @property
    def queued(self) -> int:
        """Return how much waits now for others to end."""
        return max(0, self.in_flight - self._most)

    @property
    def running(self) -> int:
        """Return how much is at work now."""
        return min(self.in_flight, self._most)

    @property
    def in_flight(self) -> int:
        """Return how much is at work or waits."""
        return self._busy + len(self._waiting)

    def submit(
        self,
        work: Callable[[int], T],
        *,
        deadline_ms: float | None = None,
        expected: Callable[[], ExpectedWork] | None = None,
        stopper: Stopper | None = None,
    ) -> QueuedCall[T]:
        """Queue work.

        Args:
            work: see `QueuedCall`.
            deadline_ms: it is refused where it would not be done by then, and dropped when it waited so long.
            expected: gives what it takes; it is asked only where it would have to wait.
            stopper: ends it.

        Raises:
            OverloadedError: the queue is full, or it would come too late.
            BundleError: after `close`.
        """
        least = ExpectedWork()
        if deadline_ms is not None and expected is not None and self.in_flight >= self._most:
            least = expected()
        call = QueuedCall(self, work, deadline_ms, stopper)
        with self._locked():
            if self._closed:
                raise BundleError("the runtime is closed: load the bundle again")
            self._check(deadline_ms, least)
            if self.in_flight >= self._most:
                call.expected = least
            self._waiting.append(call)
            starts = self._workers < self._most
            self._workers += starts
        if starts:
            self._start()
        return call

    def withdraw(self, call: QueuedCall[Any]) -> None:
        """Take a call out of the queue, or end its run."""
        with self._locked():
            self.cancelled += 1
            if call in self._waiting:
                self._waiting.remove(call)
            elif call.thread is not None and call.stopper is not None:
                call.stopper.cancel(call.thread)

    def close(self) -> None:
        """Take no more, and drop what waits; what runs ends by itself."""
        with self._locked():
            self._closed = True
            dropped = list(self._waiting)
            self._waiting.clear()
        for call in dropped:
            call.finish(error=BundleError("the runtime was closed while the call waited: load the bundle again"))

    def expected_wait_ms(self, expected: ExpectedWork | None = None) -> float:
        """Return after what time a worker is expected to be free for what comes now."""
        if self.in_flight < self._most:
            return 0.0
        taken_ms = self._taken_ms
        if taken_ms is None:
            taken_ms = 0.0 if expected is None else expected.usual_ms
        return taken_ms * (self.queued + 1) / self._most

    def _check(self, deadline_ms: float | None, expected: ExpectedWork) -> None:
        if self.in_flight < self._most:
            return
        if self.queued >= self._most_queued:
            what = f"the queue is full ({self._name}={self._most_queued})"
            raise self._refusal(what, "try again later, ask less often, or load more copies", expected)
        if deadline_ms is not None and self.expected_wait_ms(expected) + expected.least_ms > deadline_ms:
            what = f"deadline_ms={deadline_ms:g} cannot be met, the answer itself takes {expected.least_ms:.1f} ms"
            raise self._refusal(what, "try again later, or give it more time", expected)

    def _refusal(self, what: str, advice: str, expected: ExpectedWork) -> OverloadedError:
        self.refused += 1
        queued, wait_ms = self.queued, self.expected_wait_ms(expected)
        facts = f"{self.running} at work, {queued} waiting, a wait of {wait_ms:.0f} ms expected"
        return OverloadedError(f"{what}: {facts}: {advice}", queued, wait_ms)

    def _start(self) -> None:
        try:
            if self._threads.start(self._work, "a queued call"):
                return
        except HangError:
            pass
        with self._locked():
            self._workers -= 1
            lost = [] if self._workers else [self._waiting.popleft() for _ in range(len(self._waiting))]
        for call in lost:
            call.finish(error=OverloadedError("no thread can be started: the system allows no more", 0, 0.0))

    def _work(self) -> None:
        """Do what waits, until nothing does."""
        while (call := self._next()) is not None:
            self._do(call)
            del call  # what waits next may come much later

    def _next(self) -> QueuedCall[Any] | None:
        with self._locked():
            if not self._waiting:
                self._workers -= 1
                return None
            call = self._waiting.popleft()
            call.thread = threading.get_ident()
            self._busy += 1
            return call

    def _do(self, call: QueuedCall[Any]) -> None:
        started = time.perf_counter_ns()
        waited_ns = elapsed_ns(call.since_ns)
        result, error = None, _too_late(call, waited_ns / _MS)
        if error is not None:
            with self._locked():
                self.refused += 1
        elif call.work is not None and not call.cancelled():
            try:
                result = call.work(waited_ns)
            except BaseException as raised:
                error = raised
        taken_ms = elapsed_ns(started) / _MS
        with self._locked():
            if call.stopper is not None and call.thread is not None:
                call.stopper.forget(call.thread)
            call.thread = None
            self._busy -= 1
            if error is None:
                before = taken_ms if self._taken_ms is None else self._taken_ms
                self._taken_ms = before + _NEWEST * (taken_ms - before)
        call.finish(result, error)
        # an error holds this frame, which holds the error
        del call, result, error

    def _locked(self) -> threading.Lock:
        if self._process != os.getpid():
            # no thread but one survives a fork, and no call that another one waits for
            self._process, self._lock = os.getpid(), threading.Lock()
            self._waiting.clear()
            self._workers = self._busy = 0
        return self._lock


def _too_late(call: QueuedCall[Any], waited_ms: float) -> BaseException | None:
    if call.deadline_ms is None or call.expected is None:
        return None
    if waited_ms + call.expected.least_ms <= call.deadline_ms:
        return None
    text = f"deadline_ms={call.deadline_ms:g} cannot be met any longer: the call waited for {waited_ms:.0f} ms"
    return OverloadedError(f"{text}: try again later, or give it more time", 0, 0.0)
