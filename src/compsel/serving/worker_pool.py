"""Threads that answer, and a short queue before them: what does not fit is told to come back, not kept waiting."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from compsel.serving.request_error import RequestError

__all__ = ["WorkerPool"]

T = TypeVar("T")


class WorkerPool:
    """Runs work in threads.

    Args:
        workers: at once.
        waiting: so many may wait.

    Attributes:
        in_flight: at work or waiting.

    >>> pool = WorkerPool(1, 1)
    >>> asyncio.run(pool.run(lambda: 42))
    42
    >>> pool.close()
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="compsel-serve")
        self._most = workers + waiting
        self._lock = threading.Lock()
        self.in_flight = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work gives.

        Raises:
            RequestError: 503, too many wait already.
        """
        with self._lock:
            if self.in_flight >= self._most:
                raise RequestError(503, f"busy: {self.in_flight} requests are at work or wait", retry_after_s=1)
            self.in_flight += 1
        # counted until it is done, also where nobody waits for it any longer
        future = self._executor.submit(work)
        future.add_done_callback(lambda _: self._done())
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Let what runs end, and drop what waits."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _done(self) -> None:
        with self._lock:
            self.in_flight -= 1
