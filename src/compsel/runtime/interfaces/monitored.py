"""What a runtime says of itself, and is told of its answers."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from compsel.runtime.adaptation.observations import Observations
from compsel.runtime.answer import Answer
from compsel.runtime.concurrency.answer_queue import AnswerQueue
from compsel.runtime.engines.engine_pool import EnginePool
from compsel.runtime.monitoring.call_counts import CallCounts, FinishedCall
from compsel.runtime.recording.not_given import NOT_GIVEN, Right

if TYPE_CHECKING:
    from compsel.runtime.monitoring.stats import RuntimeStats
    from compsel.runtime.recording.background_writer import RecordingCounts
    from compsel.runtime.recording.recorder import Recorder

__all__ = ["Monitored"]


class Monitored:
    """Counts, records and outcomes of a runtime; it is a part of `Runtime`, and made by nobody else.

    >>> Monitored.recording.fget.__name__
    'recording'
    """

    _counts: CallCounts
    _observations: Observations
    _pool: EnginePool
    _queue: AnswerQueue
    _recorder: "Recorder | None"

    def stats(self) -> "RuntimeStats":
        """Return what was done so far, and what is open now; of a runtime of `with_policy`, its own answers."""
        from compsel.runtime.monitoring.stats import RuntimeStats  # not before the first answer

        dropped = 0 if self._recorder is None else self._recorder.counts.dropped
        return RuntimeStats.of(self._counts, self._queue, self._observations.quarantine, self._pool, dropped)

    def observe(
        self, finished: Callable[[FinishedCall], None], traced: Callable[[Callable[[], Answer]], Answer] | None = None
    ) -> None:
        """Tell what becomes of calls from now on; `compsel.telemetry` uses it.

        Args:
            finished: is told of each call, in the background.
            traced: makes each call, in the caller's thread; None: as it is now.
        """
        self._counts.listeners.append(finished)
        self._counts.tracer = traced or self._counts.tracer

    def feedback(self, answer: Answer | str, *, right: Right = NOT_GIVEN, label: str | int | None = None) -> bool:
        """Record how good an answer was, without waiting; the last word counts. Return whether it was taken.

        It is not, where the answer has no id, this runtime does not record, or thousands wait for the disk.

        Args:
            answer: of a runtime that records (`compsel.load(..., record=...)`), or its `id`, also of another session.
            right: whether it was right, or how probably (0 to 1); None: that is not known after all.
            label: in place of `right`, the right class: its name or index.

        Raises:
            InputError: no id, no such class, or a `right` beyond 0 to 1.
        """
        from compsel.runtime.recording.outcomes import read_outcome  # few apps record

        text, value = read_outcome(answer, right, label)
        return bool(text) and self._recorder is not None and self._recorder.feedback(text, value)

    @property
    def recording(self) -> "RecordingCounts | None":
        """How recording goes: what was taken, dropped, written; None where nothing is recorded."""
        return None if self._recorder is None else self._recorder.counts
