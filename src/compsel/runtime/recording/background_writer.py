"""Writes records in a thread of its own: answers leave what ran in a queue of bounded length, and go on."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from compsel.device.state import DeviceState
from compsel.progress.logger import log_event
from compsel.runtime.recording.arrow_blocks import AnswerRow, OutcomeRow, answer_blocks, outcome_block
from compsel.runtime.recording.part_series import FullFolderError, PartSeries
from compsel.runtime.recording.sessions import Sessions

__all__ = ["BackgroundWriter", "RecordingCounts"]

_MOST_PENDING = 16_384  # answers, or outcomes, that wait to be looked at: some 10 MB
_HURRY = _MOST_PENDING // 4  # then the thread is woken
_MOST_UNWRITTEN_ROWS = 65_536  # that wait for a disk: some 15 MB
_TICK_S = 0.25  # so far the state of the device that is recorded may be from the answer
_AGAIN_S = 60.0  # between warnings of the same trouble


@dataclass(frozen=True, slots=True)
class RecordingCounts:
    """How recording goes.

    Attributes:
        answers, outcomes: that were taken.
        dropped: of both, those that were lost: they came faster than they could be written, or nothing could be
            written for long.
        pending: of both, those that are not on the disk yet.
        parts, written_bytes: that were written, those included that have been dropped since.
        trouble: why nothing can be written now; empty: it can.

    >>> RecordingCounts(answers=3).dropped
    0
    """

    answers: int = 0
    outcomes: int = 0
    dropped: int = 0
    pending: int = 0
    parts: int = 0
    written_bytes: int = 0
    trouble: str = ""


class BackgroundWriter:
    """Writes what is put into its queues.

    Args:
        answers, outcomes: where it goes.
        seconds: what was put is on the disk after so long, as a rule.
        state: of the device.
        coordinates: see `answer_blocks`.
        where: for messages.
        sessions: of the answers.

    Attributes:
        answers_pending, outcomes_pending: the queues.
        sleeps: whether the thread has to be told that something was put (`wake`).
    """

    # many parameters: each is given once
    def __init__(
        self,
        answers: PartSeries,
        outcomes: PartSeries,
        seconds: float,
        state: Callable[[], DeviceState],
        coordinates: Sequence[str],
        where: str,
        sessions: Sessions,
    ) -> None:
        self._answers, self._outcomes, self._seconds = answers, outcomes, seconds
        self._state, self._coordinates, self._where, self._sessions = state, tuple(coordinates), where, sessions
        self.answers_pending: deque[AnswerRow] = deque()
        self.outcomes_pending: deque[OutcomeRow] = deque()
        self.sleeps = True
        self._woken, self._writing, self._counting = threading.Event(), threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._due_s: float | None = None
        self._taken = [0, 0]
        self.dropped = 0
        self._trouble, self._said_s = "", float("-inf")

    def put(self, row: AnswerRow) -> bool:
        """Take an answer; False where too many wait already. It waits for nothing."""
        return self._put(self.answers_pending, row)

    def put_outcome(self, row: OutcomeRow) -> bool:
        """Take an outcome, as `put` does."""
        return self._put(self.outcomes_pending, row)

    def flush(self, wait_s: float) -> None:
        """Write all that was put, unless the disk takes longer than that for what it was given before."""
        if self._writing.acquire(timeout=wait_s):
            try:
                self._drain()
                self._write()
            finally:
                self._writing.release()

    def end(self) -> None:
        """Tell the thread to write what was put, and to end."""
        self._ended = True
        self._woken.set()

    def join(self, wait_s: float) -> None:
        """Wait for the thread to end, not longer than that."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(wait_s)
            if thread.is_alive():
                text = "records of %s are incomplete: the disk does not answer"
                log_event("WARNING", "records_incomplete", text, self._where, fields={"folder": str(self._where)})

    def counts(self) -> RecordingCounts:
        """Return how it goes."""
        unwritten = self._answers.pending_rows + self._outcomes.pending_rows
        return RecordingCounts(
            self._taken[0],
            self._taken[1],
            self.dropped,
            len(self.answers_pending) + len(self.outcomes_pending) + unwritten,
            self._answers.parts + self._outcomes.parts,
            self._answers.written_bytes + self._outcomes.written_bytes,
            self._trouble,
        )

    def _put(self, queue: "deque[Any]", row: Any) -> bool:
        waiting = len(queue)
        if waiting >= _MOST_PENDING or self._ended:
            self._drop(1)
            return False
        queue.append(row)
        if self.sleeps or waiting == _HURRY:
            self._wake()
        return True

    def _wake(self) -> None:
        self.sleeps = False
        if self._thread is None:
            with self._counting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="compsel-recorder", daemon=True)
                    self._thread.start()
        self._woken.set()

    def _drop(self, count: int) -> None:
        with self._counting:
            self.dropped += count

    def _run(self) -> None:
        while not self._ended:
            if self._due_s is None:
                self.sleeps = True
                if not (self.answers_pending or self.outcomes_pending):
                    self._woken.wait()
                self.sleeps = False
            self._woken.clear()
            if not self._ended:
                self._woken.wait(_TICK_S)
            with self._writing:
                self._drain()
                if self._due_s is not None and time.monotonic() >= self._due_s:
                    self._write()
        with self._writing:  # what was put while the last round was on its way
            self._drain()
            self._write()

    def _drain(self) -> None:
        """Make tables of what was put."""
        rows = [self.answers_pending.popleft() for _ in range(len(self.answers_pending))]
        outcomes = [self.outcomes_pending.popleft() for _ in range(len(self.outcomes_pending))]
        try:
            for session, some in groupby(rows, lambda row: self._sessions.of(row.number)):
                for block in answer_blocks([*some], self._state(), self._coordinates):
                    self._answers.add(block, session)
            if outcomes:
                self._outcomes.add(outcome_block(outcomes), self._sessions.of(0))
        except Exception as error:  # recording never ends an app
            self._drop(len(rows) + len(outcomes))
            self._tell(f"{len(rows) + len(outcomes)} records are lost ({error!r})")
        self._taken = [self._taken[0] + len(rows), self._taken[1] + len(outcomes)]
        if self._due_s is None and (self._answers.pending_rows or self._outcomes.pending_rows):
            self._due_s = time.monotonic() + max(0.0, self._seconds - _TICK_S)

    def _write(self) -> None:
        try:
            self._answers.write()
            self._outcomes.write()
        except FullFolderError:
            self._tell("the folder has the size that it may have")
        except Exception as error:  # a full disk, a folder that may not be written, one that is gone
            self._tell(str(error))
        else:
            self._due_s = None
            if self._trouble:
                fields = {"folder": str(self._where)}
                log_event("INFO", "recording_goes_on", "recording into %s goes on", self._where, fields=fields)
                self._trouble, self._said_s = "", float("-inf")
            return
        self._due_s = time.monotonic() + self._seconds
        lost = [table.column("stage") for table in self._answers.drop_oldest(_MOST_UNWRITTEN_ROWS)]
        self._drop(sum(column.to_pylist().count(0) for column in lost))
        self._drop(sum(table.num_rows for table in self._outcomes.drop_oldest(_MOST_UNWRITTEN_ROWS)))

    def _tell(self, trouble: str) -> None:
        self._trouble = trouble
        if time.monotonic() - self._said_s > _AGAIN_S:
            self._said_s = time.monotonic()
            text, fields = "recording into %s is held up: %s", {"folder": str(self._where), "error": trouble}
            log_event("WARNING", "recording_held_up", text, self._where, trouble, fields=fields)
