"""Calls that others wait for: queued, awaited, or many in a row."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from compsel.errors import CompselError
from compsel.runtime.answer import Answer
from compsel.runtime.concurrency.answer_queue import AnswerQueue
from compsel.runtime.monitoring.call_counts import CallCounts
from compsel.runtime.planning.placed_plan import Limits, PlacedPlan, limits_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from compsel.runtime.dispatch.batch_execution import BatchExecutor

__all__ = ["ConcurrentCalls"]


class ConcurrentCalls(ABC):
    """What a runtime offers beside a plain call; it is a part of `Runtime`, and made by nobody else.

    >>> issubclass(ConcurrentCalls, ABC)
    True
    """

    _queue: AnswerQueue
    _batches: "Callable[[], BatchExecutor]"
    _counts: CallCounts

    def submit(
        self,
        source: Any,
        *,
        deadline_ms: float | None = None,
        min_quality: float | None = None,
        minimize: str | None = None,
    ) -> "Future[Answer]":
        """Queue a call, and return what its answer will be in; to cancel that ends the run, and frees its place.

        Args:
            source, deadline_ms, min_quality, minimize: as those of a call. Waiting takes its part of the deadline
                (`Answer.waited_ms`).

        Raises:
            OverloadedError: at once, where the queue is full, or the deadline cannot be met for what waits; from the
                result, where it has waited for too long meanwhile.
            ObjectiveError: limits that are not allowed.
        """
        limits = limits_of(deadline_ms, min_quality, minimize)
        return self._queue.submit(
            lambda waited_ns: self._answered(source, limits, waited_ns), limits.deadline_ms, self.planned
        )

    async def arun(
        self,
        source: Any,
        *,
        deadline_ms: float | None = None,
        min_quality: float | None = None,
        minimize: str | None = None,
    ) -> Answer:
        """Answer one input while the event loop goes on; see `submit`. A task that is cancelled ends the run."""
        import asyncio

        future = self.submit(source, deadline_ms=deadline_ms, min_quality=min_quality, minimize=minimize)
        return await asyncio.wrap_future(future)

    def map(
        self,
        inputs: Iterable[Any],
        *,
        batch: int = 32,
        return_exceptions: bool = False,
        min_quality: float | None = None,
        minimize: str | None = None,
    ) -> Iterator[Answer]:
        """Answer many inputs, in their order, as they are asked for: each stage once for all of a group that need it.

        Args:
            inputs: as a call takes them; may be endless.
            batch: so many are taken at a time; they run as one batch where the build proved that this changes nothing.
            return_exceptions: give the error of an input in the place of its answer, as `asyncio.gather` does. Else it
                is raised in its turn, and whoever goes on with `next` gets the answers behind it.
            min_quality, minimize: see a call.

        Raises:
            InputError, ObjectiveError: a batch or limits that are not allowed; and see a call.
        """
        from compsel.runtime.concurrency.ordered_answers import OrderedAnswers, answered_together  # few apps

        limits = limits_of(None, min_quality, minimize)

        def answer(group: list[Any]) -> list[Answer | CompselError]:
            answers = answered_together(group, self._read, self._batches(), limits)
            self._counts.several(answers)
            return answers

        return OrderedAnswers(inputs, batch, answer, return_exceptions=return_exceptions)

    @abstractmethod
    def planned(self) -> PlacedPlan:
        """Return what a call without limits obeys now."""

    @abstractmethod
    def _answered(self, source: Any, limits: Limits, waited_ns: int = 0) -> Answer:
        """Answer an input that waited."""

    @abstractmethod
    def _read(self, source: Any) -> tuple[Any, frozenset[str] | None]:
        """Return what a source gives, and the variants that take it; None for all."""
