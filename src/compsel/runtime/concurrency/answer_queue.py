"""The queue of a runtime: made when it is first used, with a look at what answers are expected to take."""

import contextvars
import threading
import time
from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from compsel.device.cgroup import usable_cores
from compsel.errors import BundleError, ProcessorError
from compsel.runtime.answer import Answer
from compsel.runtime.planning.planner import PlacedPlan

if TYPE_CHECKING:
    # futures are imported by who queues calls
    from compsel.runtime.concurrency.call_queue import CallQueue, ExpectedWork, QueuedCall, Stopper

__all__ = ["AnswerQueue"]

_KNOWN_S = 0.1
_MOST_CONCURRENCY, _MOST_QUEUED = 128, 1_000_000


class AnswerQueue:
    """Queues calls of a runtime.

    Args:
        max_concurrency: so many are answered at once; None: one a core that this process may use.
        max_queued_requests: so many may wait.
        stopper: ends what is cancelled.

    Raises:
        BundleError: numbers that are not allowed.

    >>> AnswerQueue(0, 5, None)
    Traceback (most recent call last):
    compsel.errors.BundleError: max_concurrency: got 0, allowed is a whole number from 1 to 128, or None for one a core
    """

    def __init__(self, max_concurrency: int | None, max_queued_requests: int, stopper: "Stopper | None") -> None:
        if max_concurrency is not None and not _is_whole(max_concurrency, 1, _MOST_CONCURRENCY):
            raise BundleError(
                f"max_concurrency: got {max_concurrency!r}, allowed is a whole number from 1 to {_MOST_CONCURRENCY}, "
                "or None for one a core"
            )
        if not _is_whole(max_queued_requests, 0, _MOST_QUEUED):
            raise BundleError(
                f"max_queued_requests: got {max_queued_requests!r}, allowed is a whole number from 0 to {_MOST_QUEUED}"
            )
        self._max_concurrency, self._max_queued = max_concurrency, max_queued_requests
        self._stopper = stopper
        self._queue: CallQueue | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._known: tuple[float, ExpectedWork] | None = None

    def submit(
        self, work: Callable[[int], Answer], deadline_ms: float | None, planned: Callable[[], PlacedPlan]
    ) -> "QueuedCall[Answer]":
        """Queue a call.

        Args:
            work: answers; it is given the time (ns) that the call waited.
            deadline_ms: of the call.
            planned: what would answer now.

        Raises:
            OverloadedError: it cannot be answered in time, or the queue is full.
            BundleError: after `close`.
        """
        queue = self._queue or self._opened()
        # as a task of asyncio sees the variables of who made it, so does the call: spans have their parents
        context = contextvars.copy_context()
        return queue.submit(
            lambda waited_ns: context.run(work, waited_ns),
            deadline_ms=deadline_ms,
            expected=None if deadline_ms is None else lambda: self._expected(planned),
            stopper=self._stopper,
        )

    def counts(self) -> dict[str, Any]:
        """Return what the stats say of it."""
        queue = self._queue
        names = ("queued", "running", "refused", "cancelled")
        return {name: 0 if queue is None else getattr(queue, name) for name in names}

    def close(self) -> None:
        """Take no more calls, and drop those that wait."""
        self._closed = True
        if self._queue is not None:
            self._queue.close()

    def _expected(self, planned: Callable[[], PlacedPlan]) -> "ExpectedWork":
        # under overload most calls ask, and plans are found anew a few times a second
        now_s = time.monotonic()
        if self._known is None or now_s - self._known[0] > _KNOWN_S:
            self._known = now_s, _expected_by(planned)
        return self._known[1]

    def _opened(self) -> "CallQueue":
        from compsel.runtime.concurrency.call_queue import CallQueue

        with self._lock:
            if self._queue is None:
                self._queue = CallQueue(self._max_concurrency or usable_cores(), self._max_queued)
                if self._closed:
                    self._queue.close()
            return self._queue


def _expected_by(planned: Callable[[], PlacedPlan]) -> "ExpectedWork":
    from compsel.runtime.concurrency.call_queue import ExpectedWork

    try:
        now = planned()
    except ProcessorError:
        return ExpectedWork()  # the call itself says what is wrong
    usual = [ms for ms in now.expected_ms if ms < float("inf")]
    least = now.costs.latency_ms[np.isfinite(now.costs.latency_ms)]
    return ExpectedWork(sum(usual) / max(1, len(usual)), float(least.min(initial=float("inf"))) if least.size else 0.0)


def _is_whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= most
