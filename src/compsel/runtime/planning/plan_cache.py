"""A cache of plans that a background thread keeps up to date, so that an answer only has to look one up.

After an inference the caches hold the network, and everything that choosing touches has to be fetched anew. So an
answer does no more than it must: learning and planning are done by the sampler's thread, with every new state
of the device, and at once when an inference took surprisingly long or short.
"""

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial

from compsel.device.sampler import DeviceSampler
from compsel.errors import ProcessorError
from compsel.progress.logger import is_heard, log_event
from compsel.runtime.adaptation.live_costs import ChoiceCosts
from compsel.runtime.adaptation.observations import Observations, StageFailedError
from compsel.runtime.planning.open_choices import OpenChoices
from compsel.runtime.planning.planner import NO_LIMITS, Limits, PlacedPlan, Planner

__all__ = ["CachedPlan", "PlanCache", "PlanKey"]

# which variants may run (None: all), and the bucket of the size of the input where it matters
PlanKey = frozenset[str] | None | tuple[frozenset[str] | None, int]

_VALID_S = 1.0  # a plan that was not looked after for so long is found anew by whoever needs it
_ALL = object()
_UNUSED_NS = 10_000_000_000  # and is looked after no more when nobody has needed it for so long
_NS = 1e9
_PAUSE_S = 1e-5
_MOST_ASKED = 8


class CachedPlan:
    """A plan that answers may use without asking, until it is replaced or expires.

    Attributes:
        planned: what to do now.
        expires_ns: when it expires, by `time.perf_counter_ns`.
        used_ns: when an answer last used it.
        asked: limits of calls since it was last looked after.
    """

    __slots__ = ("asked", "expires_ns", "planned", "used_ns")

    def __init__(self, planned: PlacedPlan, expires_ns: int, used_ns: int) -> None:
        self.planned = planned
        self.expires_ns = expires_ns
        self.used_ns = used_ns
        self.asked: deque[Limits] = deque(maxlen=_MOST_ASKED)


class PlanCache:
    """Keeps the plans that are in use up to date; whatever learns, costs or plans goes through its lock.

    Args:
        observations: of what ran.

    Attributes:
        sampler: of the device's state; its thread does the work.
        before_refresh: is called by that thread several times a second, before it looks after the plans.
        open_choices: prefers what is loaded; None: nothing does.
    """

    def __init__(self, observations: Observations) -> None:
        held = weakref.ref(self)  # the sampler's thread keeps no cache alive that nobody uses

        def tick() -> None:
            if (cache := held()) is not None:
                cache.before_refresh()
                cache.refresh()

        self.sampler = DeviceSampler(after_sample=tick, idle_if_unreadable=True)
        self.before_refresh: Callable[[], None] = _do_nothing
        self.open_choices: OpenChoices | None = None
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

    def limited(
        self, planner: Planner, cached: CachedPlan, limits: Limits, allowed: frozenset[str] | None
    ) -> PlacedPlan:
        """Return the plan for limits at the costs of a plan that is kept up to date.

        Raises:
            ProcessorError: nothing that may run is left.
        """
        cached.asked.append(limits)
        costs = cached.planned.costs
        standing = planner.standing(costs, limits, allowed)
        if standing is not None:
            return standing
        with self._locked():
            return planner.plan(costs, limits, allowed)

    def prepare(self, planner: Planner) -> None:
        """Plan for what is to be expected."""
        plans = planner.prepare()
        while True:
            # a call that has to plan does not wait for all of them
            with self._locked():
                if next(plans, _ALL) is _ALL:
                    return
            _give_way()

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
        self._observations.calls.add_up()
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
                        planned = self._with_open(
                            planner.plan(costs, NO_LIMITS, allowed, _give_way),
                            costs,
                            partial(planner.plan, limits=NO_LIMITS, allowed=allowed, pause=_give_way),
                        )
                        # calls with limits, like those of late, find plans made for these costs too
                        for _ in range(len(cached.asked)):
                            planner.plan(planned.costs, cached.asked.popleft(), allowed, _give_way)
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
            planned = planner.plan(costs, limits, allowed)
            return self._with_open(planned, costs, lambda others: planner.plan(others, limits, allowed))
        except ProcessorError:
            quarantine = self._observations.quarantine
            if not (quarantine.release_suspected() or quarantine.release_one()):
                raise
            return self._planned(planner, limits, allowed, bucket, excluded)

    def _with_open(
        self, planned: PlacedPlan, costs: ChoiceCosts, plan: Callable[[ChoiceCosts], PlacedPlan]
    ) -> PlacedPlan:
        return planned if self.open_choices is None else self.open_choices.instead(planned, costs, plan)

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
    if is_heard("DEBUG") and before.processors != now.processors:
        choices = list(map("@".join, zip(now.policy.variants, now.processors, strict=True)))
        log_event("DEBUG", "plan_changed", "planned anew: %s", ", ".join(choices), fields={"choices": choices})
