"""Answers one input by a policy: plans, runs what is planned, and plans anew around what failed."""

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compsel.errors import ProcessorError
from compsel.runtime.adaptation.observations import StageFailedError
from compsel.runtime.answer import Answer
from compsel.runtime.dispatch.stage_execution import StageExecutor
from compsel.runtime.dispatch.stage_runner import StageRunner
from compsel.runtime.feeds.decoding import LazyDecoder, limits_after, with_decoding
from compsel.runtime.feeds.input_sizes import InputSizes
from compsel.runtime.planning.plan_cache import CachedPlan, PlanCache, PlanKey
from compsel.runtime.planning.planner import NO_LIMITS, Limits, PlacedPlan, Planner
from compsel.selection.policies import Policy

if TYPE_CHECKING:
    from compsel.runtime.faults.blame import Blame

__all__ = ["Dispatcher"]


class Dispatcher:
    """Dispatches every input to what is planned for it now.

    Args:
        policy: that decides.
        planner: of its plans.
        plan_cache: holds them.
        executor: runs them.
        runner: of stages, which finds out what is broken.
        decoder: of values that are decoded when it is known which variants run.
        input_sizes: of values; None: costs do not depend on them.
        report: is told of what failed.
    """

    # many parameters: what a call goes through, each made once for a runtime
    def __init__(
        self,
        policy: Policy,
        planner: Planner,
        plan_cache: PlanCache,
        executor: StageExecutor,
        runner: StageRunner,
        decoder: LazyDecoder,
        input_sizes: InputSizes | None,
        report: Callable[[StageFailedError], None],
    ) -> None:
        self._policy, self._planner, self._plan_cache = policy, planner, plan_cache
        self._executor, self._runner, self._report = executor, runner, report
        self._decoder, self._input_sizes = decoder, input_sizes
        # plans for the calls that set no limits, by the variants that may run, and the bucket where size matters
        self._cached_plans: dict[PlanKey, CachedPlan] = {}

    def answer(
        self, value: Any, limits: Limits, allowed: frozenset[str] | None, begin: int, decode_ns: int = 0
    ) -> Answer:
        """Answer a value.

        Args:
            value: of the bundle's modality, or named tensors.
            limits: of the call.
            allowed: the variants that take the value; None: all.
            begin: when the call began, by `time.perf_counter_ns`.
            decode_ns: of the time since then, so much was spent on making the value.

        Raises:
            InputError: nothing answers this input.
            ProcessorError: nothing answers any input.
        """
        decode_ns += self._decoder.decode(value, self._policy)
        asked = limits
        if decode_ns:
            limits = limits_after(asked, decode_ns)
        blame: Blame | None = None
        planned = None
        bucket = None if self._input_sizes is None else self._input_sizes.bucket(value)
        try:
            while True:
                if planned is None:
                    planned = self.planned(limits, allowed, bucket, begin + decode_ns, blame)
                if planned.policy is not self._policy:
                    decode_ns += self._decoder.decode(value, planned.policy)
                try:
                    failures = () if blame is None else blame.failures
                    deadline_ms = asked.deadline_ms if blame is None else blame.deadline_ms
                    answer = self._executor.answer(value, planned, allowed is not None, deadline_ms, begin, failures)
                    if blame is not None:
                        blame.answered()
                    return with_decoding(answer, decode_ns, asked, limits) if decode_ns else answer
                except StageFailedError as failure:
                    blame = blame or self._blame(begin, asked.deadline_ms)
                    blame.add(failure)
                    planned = None
        finally:
            if blame is not None:
                blame.forget()
                del blame

    def _blame(self, begin: int, deadline_ms: float | None) -> "Blame":
        from compsel.runtime.faults.blame import Blame  # where nothing fails nobody is to blame

        return Blame(self._report, self._runner.works, self._plan_cache.absolve, begin, deadline_ms)

    def one(self, value: Any, allowed: frozenset[str] | None) -> Answer:
        """Answer a value under the bundle's objective; see `answer`."""
        return self.answer(value, NO_LIMITS, allowed, time.perf_counter_ns())

    def planned(
        self,
        limits: Limits,
        allowed: frozenset[str] | None,
        bucket: int | None,
        now_ns: int,
        blame: "Blame | None" = None,
    ) -> PlacedPlan:
        """Return the plan that stands ready, or else plan; see `plan`."""
        if blame is None:
            cached = self._cached_plans.get(allowed if bucket is None else (allowed, bucket))
            if cached is not None and now_ns < cached.expires_ns:
                cached.used_ns = now_ns
                if limits is NO_LIMITS:
                    return cached.planned
                return self._plan_cache.limited(self._planner, cached, limits, allowed)
            if limits is not NO_LIMITS:
                with contextlib.suppress(ProcessorError):  # others may have to answer
                    self.plan(NO_LIMITS, allowed, bucket)  # from now on its costs are kept up to date
        return self.plan(limits, allowed, bucket, blame)

    def decode(self, value: Any, policy: Policy) -> int:
        """Decode a value that is not yet, for all that a policy may run; return the ns that it took."""
        return self._decoder.decode(value, policy)

    @property
    def sizes_matter(self) -> bool:
        """Whether costs depend on the size of an input."""
        return self._input_sizes is not None

    def bucket(self, value: Any) -> int | None:
        """Return the bucket of the size of a value; None where costs do not depend on it."""
        return None if self._input_sizes is None else self._input_sizes.bucket(value)

    def plan(
        self, limits: Limits, allowed: frozenset[str] | None, bucket: int | None, blame: "Blame | None" = None
    ) -> PlacedPlan:
        """Plan now: for limits, for a call after a pause, or without what failed.

        Raises:
            InputError, ProcessorError: nothing is left that could answer.
        """
        try:
            if blame is not None:
                return self._plan_cache.plan(self._planner, limits, allowed, bucket, blame.excluded)
            if limits is NO_LIMITS:
                key = allowed if bucket is None else (allowed, bucket)
                cached = self._cached_plans[key] = self._plan_cache.get(self._planner, allowed, bucket)
                return cached.planned
            return self._plan_cache.plan(self._planner, limits, allowed, bucket)
        except ProcessorError as error:
            if blame is not None and blame.extend():
                return self.plan(limits, allowed, bucket, blame)
            raise (error if blame is None else blame.verdict(error)) from None
