"""Runs one stage so that nobody waits for it longer than it may take."""

import contextlib
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from compsel.errors import ModelError, ProcessorError
from compsel.runtime.adaptation.observations import StageFailedError
from compsel.runtime.engines.engine_pool import EnginePool
from compsel.runtime.faults.watched_calls import CancelledCallError, HangError, StillOpeningError, WatchedCalls
from compsel.variants.engine import Engine

__all__ = ["StageLimit", "StageRunner"]

Result = TypeVar("Result")

# without a deadline: what takes so long, and so many times as long as expected, hangs
_HANG_S, _HANG_TIMES = 10.0, 50.0
# with a deadline that leaves time for another processor
_LATE_TIMES, _LATE_MS, _FAR_MS = 5.0, 10.0, 100.0
_DISTANT_TIMES = 3.0
_WATCH_S, _NS = 0.1, 1_000_000_000


class StageLimit(NamedTuple):
    """How long a stage may take.

    Attributes:
        expected_ms: what it takes on average.
        remaining_ms: until the deadline of the call; None: it has none.
        answered: whether an earlier stage has answered: then that is the answer at the deadline.
    """

    expected_ms: float
    remaining_ms: float | None = None
    answered: bool = False

    @property
    def is_far_beyond(self) -> bool:
        """Whether what has not ended by then is broken, and not only slow."""
        return self.seconds * 1000 > _LATE_TIMES * self.expected_ms + _FAR_MS

    @property
    def seconds(self) -> float:
        """When it is given up.

        >>> StageLimit(4.0).seconds, StageLimit(4.0, remaining_ms=100.0).seconds
        (10.0, 0.05)
        >>> StageLimit(4.0, remaining_ms=3.0).seconds
        0.1
        >>> StageLimit(4.0, remaining_ms=6.0, answered=True).seconds
        0.006
        """
        if self.remaining_ms is None:
            return max(_HANG_S, _HANG_TIMES * self.expected_ms / 1000)
        if self.answered:
            return max(self.remaining_ms, 0.0) / 1000
        # what is left leaves time for another processor; a deadline that cannot be met is no reason to give up what
        # comes soon
        least_ms = _LATE_MS if self.remaining_ms > self.expected_ms else _FAR_MS
        return max(self.remaining_ms / 2, _LATE_TIMES * self.expected_ms, least_ms) / 1000


class StageRunner:
    """Runs stages: in the caller's thread where ONNX Runtime can be stopped, else in one that can be given up.

    ONNX Runtime ends a run on the CPU between two operators when it is told to (`RunOptions.terminate`).

    Args:
        pool: of engines.
        absolve: is told of what was put aside for hanging, and answers other inputs.

    Attributes:
        looks_by: makes sure that `look_after` is called by a moment of `time.perf_counter_ns`; False: nobody calls it.
    """

    def __init__(self, pool: EnginePool, absolve: Callable[[StageFailedError], None]) -> None:
        self._pool, self.absolve = pool, absolve
        self._calls = WatchedCalls()
        # by the thread that runs it: the engine, and when it is overdue
        self._running: dict[int, tuple[Engine, float]] = {}
        self._overdue: set[int] = set()
        self.looks_by: Callable[[float], bool] = _never
        # of late: the shortest time that a run may take, and when such a one began
        self._shortest_ns, self._hurried_ns = math.inf, 0
        self._cancelled: set[int] = set()

    def open(self, name: str, processor: str, tensors: bool, limit: StageLimit) -> Engine:
        """Return the engine of a choice.

        Raises:
            HangError: it takes longer to open.
            StillOpeningError: than the deadline allows; it is told to `absolve` when it is open.
        """
        engine = self._pool.opened(name, processor, tensors)
        if engine is not None:
            return engine
        get, what = self._pool.get, f"opening {name} on {processor}"
        if limit.remaining_ms is None:
            return self._calls.call(
                lambda: get(name, processor, tensors), self._pool.processor(processor).opening_limit_s, what
            )
        late: list[str] = []  # no error, which would hold this frame, which holds the error

        def opening() -> Engine:
            engine = get(name, processor, tensors)
            if late:
                self.absolve(StageFailedError(name, processor, StillOpeningError(late[0])))
            return engine

        try:
            # the other half is for what answers instead
            return self._calls.call(opening, max(limit.remaining_ms, 0.0) / 2000, what)
        except HangError as error:
            late.append(str(error))
            raise StillOpeningError(str(error)) from None

    def watch(self, function: Callable[..., Result], engine: Engine, limit: StageLimit, *arguments: Any) -> Result:
        """Return what a function of these arguments returns that runs an engine once.

        Raises:
            HangError: it does not end in time.
            CancelledCallError: see `cancel`.
        """
        limit_s = limit.seconds
        hurried = limit.remaining_ms is not None
        # what is told to end does so between two operators: about then, where each of them is short beside the limit
        if not engine.can_be_stopped or (hurried and limit_s * 1000 < _DISTANT_TIMES * limit.expected_ms):
            return self.call(partial(function, *arguments), engine, limit_s)
        caller, now_ns = threading.get_ident(), time.perf_counter_ns()
        until_ns = now_ns + limit_s * _NS
        self._running[caller] = engine, until_ns
        try:
            if caller in self._cancelled:
                raise CancelledCallError(f"{engine.variant.name}: the call was cancelled")
            if hurried:
                self._hurried_ns = now_ns
                self._shortest_ns = min(self._shortest_ns, limit_s * _NS)
                if not self.looks_by(until_ns):
                    return self.call(partial(function, *arguments), engine, limit_s)
            return function(*arguments)
        except ProcessorError as error:
            if caller in self._cancelled:
                raise CancelledCallError(str(error)) from error
            if caller in self._overdue:
                raise HangError(str(error)) from error
            raise
        finally:
            self._running.pop(caller, None)
            self._overdue.discard(caller)

    def call(self, function: Callable[[], Result], engine: Engine, limit_s: float) -> Result:
        """Return what a function of an engine returns.

        Raises:
            HangError: it takes longer; the engine is told to end.
        """
        what = f"{engine.variant.name} on {engine.processor.name}"
        if threading.get_ident() in self._cancelled:
            raise CancelledCallError(f"{what}: the call was cancelled")
        return self._calls.call(function, limit_s, what, engine.stop)

    def adopt_early(self) -> None:
        """Take over what is being opened early; what goes wrong with it is told when it is needed."""
        with contextlib.suppress(HangError, ModelError, ProcessorError):
            if (choice := self._pool.early_choice) is not None:
                self.open(*choice, False, StageLimit(0.0))

    def start(self, function: Callable[[], object], what: str) -> None:
        """Call a function in the background, where there is a thread for it."""
        with contextlib.suppress(HangError):
            self._calls.start(function, what)

    def warm_up(self, name: str, processor: str) -> None:
        """Open an engine, and run a made-up input.

        Raises:
            HangError: it takes longer than any engine that works.
        """
        engine = self.open(name, processor, False, StageLimit(0.0))
        self.call(engine.warm_up, engine, engine.processor.opening_limit_s)

    def works(self, failure: StageFailedError) -> bool | None:
        """Whether what failed answers an input that was answered before; None where that cannot be found out.

        What hung is put aside at once: whether it hung on its input alone is found out later, and `absolve` told.
        """
        engine = failure.engine
        if engine is None:
            return False
        if not isinstance(failure.error, HangError):
            try:
                return self.call(engine.works, engine, failure.limit_s)
            except ProcessorError:  # too slow now to tell
                return None

        def find_out() -> None:
            if engine.works():
                self.absolve(failure)

        with contextlib.suppress(HangError):
            self._calls.start(find_out, f"checking {failure.variant} on {failure.processor}")
        return False

    def cancel(self, thread: int) -> None:
        """End the call that a thread makes: what it runs now, and what it would run next; see `forget`."""
        self._cancelled.add(thread)
        running = self._running.get(thread)
        if running is not None:
            running[0].stop(thread)
        self._calls.abandon(thread)

    def forget(self, thread: int) -> None:
        """Let a thread whose call was cancelled make others."""
        self._cancelled.discard(thread)

    def close(self) -> None:
        """Watch runs of now until they have ended, now that nobody looks after them; do not wait for them."""

        def watch() -> None:
            while self._running:
                self.stop_overdue()
                time.sleep(_WATCH_S)

        if self._running:
            with contextlib.suppress(HangError):
                self._calls.start(watch, "closing")

    def look_after(self) -> float:
        """Tell runs to end that hang, and give back the memory of engines that are gone: called by another thread.

        Returns:
            By when to call it again, by `time.perf_counter_ns`: runs that begin meanwhile should not have to ask.
        """
        soonest_ns = self.stop_overdue()
        self._pool.return_freed()
        now_ns = time.perf_counter_ns()
        if now_ns - self._hurried_ns > _NS:
            self._shortest_ns = math.inf
        return min(soonest_ns, now_ns + self._shortest_ns)

    def stop_overdue(self) -> float:
        """Tell runs to end that hang; return when the next one is overdue."""
        now_ns, soonest_ns = time.perf_counter_ns(), math.inf
        # a list, made in one step: other threads begin and end runs
        for caller, (engine, until_ns) in list(self._running.items()):
            if now_ns >= until_ns:
                self._overdue.add(caller)
                engine.stop(caller)
            else:
                soonest_ns = min(soonest_ns, until_ns)
        return soonest_ns


def _never(moment_ns: float) -> bool:
    return False
