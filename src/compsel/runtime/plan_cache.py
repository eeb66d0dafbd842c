"""A cache of plans that a background thread keeps up to date, so that an answer only has to look one up.

After an inference the caches hold the network, and everything that choosing touches has to be fetched anew. So an
answer does no more than it must: learning and planning are done by the sampler's thread, with every new state
of the device, and at once when an inference took surprisingly long or short.
"""

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable

from compsel.device.sampler import DeviceSampler
from compsel.errors import ProcessorError
from compsel.progress.logger import LOGGER
from compsel.runtime.observations import Observations, StageFailedError
from compsel.runtime.planning import NO_LIMITS, Limits, PlacedPlan, Planner

__all__ = ["CachedPlan", "PlanCache", "PlanKey"]

# which variants may run (None: all), and the bucket of the size of the input where it matters
PlanKey = frozenset[str] | None | tuple[frozenset[str] | None, int]

_VALID_S = 1.0  # a plan that was not looked after for so long is found anew by whoever needs it
_UNUSED_NS = 10_000_000_000  # and is looked after no more when nobody has needed it for so long
_NS = 1e9
_PAUSE_S = 1e-5


class CachedPlan:
    """A plan that answers may use without asking, until it is replaced or expires.

    Attributes:
        planned: what to do now.
        expires_ns: when it expires, by `time.perf_counter_ns`.
        used_ns: when an answer last used it.
    """

    __slots__ = ("expires_ns", "planned", "used_ns")

    def __init__(self, planned: PlacedPlan, expires_ns: int, used_ns: int) -> None:
        self.planned = planned
        self.expires_ns = expires_ns
        self.used_ns = used_ns


class PlanCache:
    """Keeps the plans that are in use up to date; whatever learns, costs or plans goes through its lock.

    Args:
        observations: of what ran.

    Attributes:
        sampler: of the device's state; its thread does the work.
        before_refresh: is called by that thread several times a second, before it looks after the plans.
    """

    def __init__(self, observations: Observations) -> None:
        held = weakref.ref(self)  # the sampler's thread keeps no cache alive that nobody uses

        def tick() -> None:
            if (cache := held()) is not None:
                cache.before_refresh()
                cache.refresh()

        self.sampler = DeviceSampler(after_sample=tick, idle_if_unreadable=True)
        self.before_refresh: Callable[[], None] = _do_nothing
        self._observations = observations
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._cached: dict[tuple[Planner, frozenset[str] | None, int | None], CachedPlan] = {}

    def get(self, planner: Planner, allowed: frozenset[str] | None, bucket: int | None = None) -> CachedPlan:
        """Plan for the present moment, without limits, and keep that plan up to date as long as it is used.

        Args:
            planner: who plans.
            allowed: the variants that may run; None: all.
            bucket: of the size of the input; None: the usual size.

        Raises:
            ProcessorError: nothing that may run is left.
        """
        with self._locked():
            now_ns = time.perf_counter_ns()
            planned = self._planned(planner, NO_LIMITS, allowed, bucket)
            cached = CachedPlan(planned, self._expiry_ns(now_ns), now_ns)
            self._cached[planner, allowed, bucket] = cached
            return cached

    def plan(
        self,
        planner: Planner,
        limits: Limits,
        allowed: frozenset[str] | None,
        bucket: int | None = None,
        excluded: frozenset[tuple[str, str]] = frozenset(),
    ) -> PlacedPlan:
        """Plan for the present moment and the limits of a call, without choices that failed in it.

        Raises:
            ProcessorError: nothing that may run is left.
        """
        with self._locked():
            return self._planned(planner, limits, allowed, bucket, excluded)

    def prepare(self, planner: Planner) -> None:
        """Plan for what is to be expected."""
        with self._locked():
            planner.prepare()

    def report_failure(self, failure: StageFailedError) -> None:
        """Put what failed into quarantine: no cached plan relies on it any longer."""
        with self._locked():
            # what succeeded before it failed must not be heard of after it
            self._observations.learn_pending()
            self._observations.report_failure(failure)
            for cached in self._cached.values():
                cached.expires_ns = 0

    def absolve(self, failure: StageFailedError) -> None:
        """Let what failed run again: it was not at fault."""
        with self._locked():
            self._observations.quarantine.succeed(failure.variant, failure.processor)
            for cached in self._cached.values():
                cached.expires_ns = 0

    def learn_pending(self) -> None:
        """Learn what has not been learned yet."""
        with self._locked():
            self._observations.learn_pending()

    def refresh(self) -> None:
        """Learn what has not been learned yet, and bring the plans that are in use up to date."""
        with self._locked():
            self._observations.learn_pending()
            state = self.sampler.state()
            self._observations.live.now(state)  # also where no plan is in use
            now_ns = time.perf_counter_ns()
            for (planner, allowed, bucket), cached in list(self._cached.items()):
                if now_ns - cached.used_ns > _UNUSED_NS:
                    del self._cached[planner, allowed, bucket]
                    continue
                costs = self._observations.live.now(state, bucket)
                try:
                    if cached.planned.costs is not costs:
                        planned = planner.plan(costs, NO_LIMITS, allowed, _give_way)
                        _log_change(cached.planned, planned)
                        cached.planned = planned
                    cached.expires_ns = self._expiry_ns(now_ns)
                except ProcessorError:
                    cached.expires_ns = 0  # whoever needs it is told

    def _planned(
        self,
        planner: Planner,
        limits: Limits,
        allowed: frozenset[str] | None,
        bucket: int | None,
        excluded: frozenset[tuple[str, str]] = frozenset(),
    ) -> PlacedPlan:
        self._observations.learn_pending()
        costs = self._observations.live.now(self.sampler.state(), bucket)
        if excluded:
            costs = self._observations.live.without(costs, excluded)
        try:
            return planner.plan(costs, limits, allowed)
        except ProcessorError:
            if not self._observations.quarantine.release_suspected():
                raise
            return self._planned(planner, limits, allowed, bucket, excluded)

    def _expiry_ns(self, now_ns: int) -> int:
        """Return until when a plan may be used: not beyond a quarantine's end, and not at all where trials are made."""
        if self._observations.explores:
            return 0
        return now_ns + int(min(_VALID_S, self._observations.quarantine.remaining_s()) * _NS)

    def _locked(self) -> threading.Lock:
        if self._process != os.getpid():
            # whoever held the lock when the process forked is not here to give it back
            self._process, self._lock = os.getpid(), threading.Lock()
        return self._lock


def _do_nothing() -> None:
    pass


def _give_way() -> None:
    # an answer that is ready must not wait for the interpreter until a whole plan is made
    time.sleep(_PAUSE_S)


def _log_change(before: PlacedPlan, now: PlacedPlan) -> None:
    if LOGGER.isEnabledFor(logging.DEBUG) and before.processors != now.processors:
        LOGGER.debug(
            "planned anew: %s", ", ".join(map("@".join, zip(now.policy.variants, now.processors, strict=True)))
        )
