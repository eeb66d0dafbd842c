"""Runs one stage so that nobody waits for it longer than it may take."""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from compsel.errors import ProcessorError
from compsel.features.fusion import Scores
from compsel.runtime.engine_pool import EnginePool
from compsel.runtime.observations import StageFailedError
from compsel.runtime.watched_calls import HangError, StillOpeningError, WatchedCalls
from compsel.variants.engine import Engine

__all__ = ["StageLimit", "StageRunner"]

Result = TypeVar("Result")

# without a deadline: what takes so long, and so many times as long as expected, hangs
_HANG_S, _HANG_TIMES = 10.0, 50.0
# opening compiles on some processors
_OPEN_S = 120.0
# with a deadline that leaves time for another processor
_LATE_TIMES, _LATE_MS, _FAR_MS = 5.0, 10.0, 100.0
_WATCH_S, _NS = 0.1, 1_000_000_000


@dataclass(frozen=True, slots=True)
class StageLimit:
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
        >>> StageLimit(4.0, remaining_ms=6.0, answered=True).seconds
        0.006
        """
        if self.remaining_ms is None:
            return max(_HANG_S, _HANG_TIMES * self.expected_ms / 1000)
        if self.answered:
            return max(self.remaining_ms, 0.0) / 1000
        # what is left leaves time for another processor; a deadline that cannot be met is no reason to give up what
        # comes soon
        return max(self.remaining_ms / 2, _LATE_TIMES * self.expected_ms, _LATE_MS) / 1000


class StageRunner:
    """Runs stages: in the caller's thread where ONNX Runtime can be stopped, else in one that can be given up.

    ONNX Runtime ends a run on the CPU between two operators when it is told to (`RunOptions.terminate`).

    Args:
        pool: of engines.
        absolve: is told of what was put aside for hanging, and answers other inputs.
    """

    def __init__(self, pool: EnginePool, absolve: Callable[[StageFailedError], None]) -> None:
        self._pool, self.absolve = pool, absolve
        self._calls = WatchedCalls()
        # by the thread that runs it: the engine, and when it is overdue
        self._running: dict[int, tuple[Engine, float]] = {}
        self._overdue: set[int] = set()

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
            return self._calls.call(lambda: get(name, processor, tensors), _OPEN_S, what)
        late: list[StillOpeningError] = []

        def opening() -> Engine:
            engine = get(name, processor, tensors)
            if late:
                self.absolve(StageFailedError(name, processor, late[0]))
            return engine

        try:
            # the other half is for what answers instead
            return self._calls.call(opening, min(max(limit.remaining_ms, 0.0) / 2000, _OPEN_S), what)
        except HangError as error:
            late.append(StillOpeningError(str(error)))
            raise late[0] from error

    def run(
        self, engine: Engine, value: Any, uses_evidence: bool, limit: StageLimit
    ) -> tuple[list[np.ndarray], Scores | None]:
        """Return the outputs of an engine, and what they are evidence for.

        Raises:
            HangError: it does not answer in time.
        """
        if limit.remaining_ms is None and engine.can_be_stopped:
            caller = threading.get_ident()
            self._running[caller] = engine, time.perf_counter_ns() + limit.seconds * _NS
            try:
                return engine.answer(value) if uses_evidence else (engine(value), None)
            except ProcessorError as error:
                if caller in self._overdue:
                    raise HangError(str(error)) from error
                raise
            finally:
                self._running.pop(caller, None)
                self._overdue.discard(caller)
        if uses_evidence:
            return self.call(lambda: engine.answer(value), engine, limit.seconds)
        return self.call(lambda: engine(value), engine, limit.seconds), None

    def call(self, function: Callable[[], Result], engine: Engine, limit_s: float) -> Result:
        """Return what a function of an engine returns.

        Raises:
            HangError: it takes longer; the engine is told to end.
        """
        what = f"{engine.variant.name} on {engine.processor.name}"
        return self._calls.call(function, limit_s, what, engine.stop)

    def warm_up(self, name: str, processor: str) -> None:
        """Open an engine, and run a made-up input.

        Raises:
            HangError: it takes longer than any engine that works.
        """
        engine = self.open(name, processor, False, StageLimit(0.0))
        self.call(engine.warm_up, engine, _OPEN_S)

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

    def close(self) -> None:
        """Watch runs of now until they have ended, now that nobody calls `stop_overdue`; do not wait for them."""

        def watch() -> None:
            while self._running:
                self.stop_overdue()
                time.sleep(_WATCH_S)

        if self._running:
            with contextlib.suppress(HangError):
                self._calls.start(watch, "closing")

    def stop_overdue(self) -> None:
        """Tell runs to end that hang: called now and then by another thread."""
        now_ns = time.perf_counter_ns()
        # a list, made in one step: other threads begin and end runs
        for caller, (engine, until_ns) in list(self._running.items()):
            if now_ns > until_ns:
                self._overdue.add(caller)
                engine.stop(caller)
