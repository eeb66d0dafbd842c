"""Whose fault it is when an inference fails: a processor is put aside for everybody, an input only for its caller."""

from collections.abc import Callable

from compsel.errors import CompselError, InputError, ProcessorError
from compsel.runtime.adaptation.observations import StageFailedError
from compsel.runtime.elapsed import elapsed_ns
from compsel.runtime.faults.watched_calls import HangError

__all__ = ["Blame"]

# so many variants or processors that work, and fail on this input alone: then it is the input
_ENOUGH = 3
_MS = 1e6
# beyond the deadline: at least so long, or so many times what was expected; what answered before, or has to be opened
# first, has half of it for itself, as much as without a deadline
_GRACE_MS, _GRACE_TIMES, _TRUSTED_MS = 1000.0, 100.0, 20_000.0


class Blame:
    """The failures of one call. A known-good input decides: what fails on that too is broken, and is barred.

    What works on it failed because of this input: it answers others at once, and this call goes on with another
    choice. Where no good input is known yet, what another choice answers was a fault of the processor.

    Args:
        bar: puts what failed aside, for every caller.
        works: says whether what failed answers a good input; None where none is known.
        absolve: lets what was put aside run again.
        begin_ns: when the call began, by `time.perf_counter_ns`.
        deadline_ms: of the call.

    Attributes:
        failures: in their order.
        excluded: choices (variant, processor) that this call tries no more.
        deadline_ms: after it nothing else is tried.
    """

    def __init__(
        self,
        bar: Callable[[StageFailedError], None],
        works: Callable[[StageFailedError], bool | None],
        absolve: Callable[[StageFailedError], None],
        begin_ns: int,
        deadline_ms: float | None,
    ) -> None:
        self._bar, self._works, self._absolve = bar, works, absolve
        self._begin_ns, self._given_ms, self.deadline_ms = begin_ns, deadline_ms, deadline_ms
        self.failures: list[StageFailedError] = []
        self.excluded: frozenset[tuple[str, str]] = frozenset()
        self._extended = False
        self._undecided: list[StageFailedError] = []
        self._innocent: list[StageFailedError] = []

    def add(self, failure: StageFailedError) -> None:
        """Judge a failure.

        Raises:
            InputError: the input is at fault.
            ProcessorError: the deadline has passed.
        """
        self.failures.append(failure)
        self.excluded |= {(failure.variant, failure.processor)}
        works = False if failure.engine is None else self._works(failure)
        if works is False:
            self._bar(failure)
        else:
            failure.text = f"{failure.variant} on {failure.processor} failed on this input: {failure.error}"
            (self._innocent if works else self._undecided).append(failure)
        if len(self._innocent) == _ENOUGH:
            raise self.verdict(failure.error) from failure.error
        spent_ms = elapsed_ns(self._begin_ns) / _MS
        if self.deadline_ms is not None and spent_ms >= self.deadline_ms and not self.extend():
            raise ProcessorError(
                f"deadline_ms={self._given_ms:g} has passed, {len(self.failures)} choices failed until then, the "
                f"last one with: {failure.error}"
            ) from failure.error

    def extend(self) -> bool:
        """Once let everything that was only too slow try again, beyond the deadline: late is better than never."""
        slow = [failure for failure in self.failures if isinstance(failure.error, HangError)]
        if self._extended or not slow:
            return False
        self._extended = True
        if self._given_ms is not None:
            self.deadline_ms = self._given_ms + max(_GRACE_MS, *map(_grace_ms, slow))
        for failure in slow:
            self._absolve(failure)
        self.excluded -= {(failure.variant, failure.processor) for failure in slow}
        return True

    def answered(self) -> None:
        """Another choice answered: what failed on the same input, and never answered one, is broken."""
        for failure in self._undecided:
            self._bar(failure)

    def forget(self) -> None:
        """Let go of engines and inputs, which errors hold by the frames that raised them, and these the errors.

        Such circles wait for the garbage collector, which does not know how large a session is.
        """
        if self.failures:
            import traceback  # most apps never see a failure
        for failure in self.failures:
            traceback.clear_frames(failure.error.__traceback__)
            traceback.clear_frames(failure.__traceback__)
            failure.engine = failure.__traceback__ = None
        for failures in (self.failures, self._undecided, self._innocent):
            failures.clear()

    def verdict(self, otherwise: CompselError) -> CompselError:
        """Return what to raise when nothing is left to try: `otherwise` where nothing failed in this call."""
        if not self.failures:
            return otherwise
        error = self.failures[-1].error
        if self._innocent and len(self._innocent) + len(self._undecided) == len(self.failures):
            return InputError(f"this input cannot be answered, other inputs can: {error}")
        return error


def _grace_ms(failure: StageFailedError) -> float:
    trusted = failure.is_opening or (failure.engine is not None and failure.engine.has_answered)
    return max(_TRUSTED_MS if trusted else 0.0, _GRACE_TIMES * failure.expected_ms)
