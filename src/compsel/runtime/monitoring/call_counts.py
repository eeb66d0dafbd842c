"""Counts of what became of calls: noted in passing, added up in the background.

An answer leaves a tuple in a queue and goes on; the background counts it. Who finds the queue long counts two of it,
so that nothing is lost, and the queue stays short however fast answers come.
"""

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from compsel.errors import CompselError, InputError
from compsel.progress.logger import log_event
from compsel.runtime.answer import Answer, Stage
from compsel.runtime.faults.watched_calls import CancelledCallError
from compsel.runtime.monitoring.latency_distribution import LatencyDistribution, LatencySketch

__all__ = ["MOST_CHOICES", "OTHERS", "CallCounts", "CountedCalls", "FinishedCall"]

_LONG, _AT_ONCE = 4096, 2
# choices are few; what made them many must not fill the memory
MOST_CHOICES = 256
OTHERS = "others"


# the fields of a `FinishedCall`
_Noted = tuple[Sequence[Stage], float, bool, bool, bool, type[CompselError] | None]


class FinishedCall(NamedTuple):
    """An answer, as far as it is counted.

    Attributes:
        stages: what ran.
        latency_ms: all included.
        constraints_met, abstained: of the answer.
        late: whether it came after its deadline.
        error: kind of the error that there is instead of an answer; None: there is one.
    """

    stages: Sequence[Stage]
    latency_ms: float
    constraints_met: bool = True
    abstained: bool = False
    late: bool = False
    error: type[CompselError] | None = None

    @property
    def choice(self) -> str:
        """Return what ran, as `Answer.choice` does."""
        return " > ".join(f"{stage.variant}@{stage.processor}" for stage in self.stages)


class CountedCalls(NamedTuple):
    """All of them so far; see `RuntimeStats`."""

    answers: int
    by_choice: dict[str, int]
    by_stages: dict[int, int]
    abstained: int
    constraints_missed: int
    late: int
    bad_inputs: int
    failures: int
    stage_failures: int
    given_up: int
    latency: LatencyDistribution


class CallCounts:
    """Counts the calls of a runtime.

    Attributes:
        listeners: are told of each finished call, in the background.
        tracer: makes each call, in the caller's thread; None: nobody looks.

    >>> counts = CallCounts()
    >>> counts.answered(Answer([], 3.2, (Stage("net/int8", "cpu:2", 3.0, 2.9),)), deadline_ms=3.0)
    >>> counted = counts.counted()
    >>> counted.answers, counted.late, counted.by_choice
    (1, 1, {'net/int8@cpu:2': 1})
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[FinishedCall], None]] = []
        self.tracer: Callable[[Callable[[], Answer]], Answer] | None = None
        self._finished: deque[_Noted] = deque()
        self._failed_stages: deque[bool] = deque()  # for each whether it was given up
        self._stage_failures = self._given_up = 0
        self._process, self._lock = os.getpid(), threading.Lock()
        self._answers = self._abstained = self._missed = self._late = self._bad_inputs = self._failures = 0
        self._by_choice: Counter[str] = Counter()
        self._by_stages: Counter[int] = Counter()
        self._sketch = LatencySketch()

    def call(self, work: Callable[[], Answer], deadline_ms: float | None = None) -> Answer:
        """Return the answer that a call gives, counted, and traced where somebody looks."""
        try:
            answer = work() if self.tracer is None else self.tracer(work)
        except CompselError as error:
            self.failed(error)
            raise
        self.answered(answer, deadline_ms)
        return answer

    def several(self, answers: Sequence[Answer | CompselError]) -> None:
        """Note the answers to several inputs, or why there are none."""
        for answer in answers:
            if isinstance(answer, CompselError):
                self.failed(answer)
            else:
                self.answered(answer)

    def answered(self, answer: Answer, deadline_ms: float | None = None) -> None:
        """Note an answer: its outputs are not kept."""
        latency_ms = answer.latency_ms
        late = deadline_ms is not None and latency_ms > deadline_ms
        # a plain tuple is made in a third of the time
        self._note((answer.stages, latency_ms, answer.constraints_met, answer.abstained, late, None))

    def failed(self, error: CompselError) -> None:
        """Note a call that has no answer."""
        if isinstance(error, CancelledCallError):
            return
        # not the error, whose frames hold the input
        self._note(((), 0.0, True, False, False, type(error)))

    def stage_failed(self, *, given_up: bool) -> None:
        """Note a stage that failed, also one that is held against nobody."""
        self._failed_stages.append(given_up)
        if len(self._failed_stages) >= _LONG:
            self.add_up()

    def add_up(self, most: int | None = None) -> None:
        """Count what was noted; of answers at most so many (None: all)."""
        told: list[FinishedCall] = []
        with self._locked():
            while self._failed_stages:
                self._stage_failures += 1
                self._given_up += self._failed_stages.popleft()
            while self._finished and most != 0:
                call = FinishedCall(*self._finished.popleft())
                self._count(call)
                if self.listeners:
                    told.append(call)
                most = None if most is None else most - 1
        for call in told:
            self._tell(call)

    def counted(self) -> CountedCalls:
        """Return all so far."""
        self.add_up()
        with self._locked():
            return CountedCalls(
                self._answers,
                dict(self._by_choice),
                dict(sorted(self._by_stages.items())),
                self._abstained,
                self._missed,
                self._late,
                self._bad_inputs,
                self._failures,
                self._stage_failures,
                self._given_up,
                self._sketch.snapshot(),
            )

    def _note(self, call: _Noted) -> None:
        self._finished.append(call)
        if len(self._finished) >= _LONG:
            self.add_up(_AT_ONCE)  # the background does not keep up; no answer pays for many others

    def _count(self, call: FinishedCall) -> None:
        if call.error is not None:
            self._bad_inputs += issubclass(call.error, InputError)
            self._failures += not issubclass(call.error, InputError)
            return
        self._answers += 1
        self._abstained += call.abstained
        self._missed += not call.constraints_met
        self._late += call.late
        choice = call.choice
        known = choice in self._by_choice or len(self._by_choice) < MOST_CHOICES
        self._by_choice[choice if known else OTHERS] += 1
        self._by_stages[len(call.stages)] += 1
        self._sketch.add(call.latency_ms)

    def _tell(self, call: FinishedCall) -> None:
        for listener in list(self.listeners):
            try:
                listener(call)
            except Exception as error:  # of others: it costs nobody his answer
                self.listeners.remove(listener)
                fields = {"error": str(error), "error_type": type(error).__name__}
                text = "what was told of calls raises, and is told no more: %r"
                log_event("WARNING", "listener_failed", text, error, fields=fields)

    def _locked(self) -> threading.Lock:
        if self._process != os.getpid():
            # whoever held the lock when the process forked is not here to give it back
            self._process, self._lock = os.getpid(), threading.Lock()
        return self._lock
